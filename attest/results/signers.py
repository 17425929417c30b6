"""How many distinct signers there are: no two of them with the same key, the same name or the same identity.

Rule: neither the order of signatures nor one more of them makes fewer signers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attest.results.report import CountedSigner

    _Choices = list[tuple[CountedSigner, str]]  # of one name: each signature with an identity that it can count for

# For signers that have something in common. A few take a few steps; whoever makes up many that take more gets what was
# found until then.
_STEPS: Final = 5_000


def distinct(signers: Iterable[CountedSigner]) -> list[CountedSigner]:
    """As many of `signers` as possible, of which no two have the same key, the same name or the same identity."""
    by_name: dict[str, _Choices] = {}
    for signer in signers:
        choices = by_name.setdefault(signer.name, [])
        choices += [(signer, identity) for identity in signer.identities]
    return sorted(signer for group in _groups(by_name) for signer in _most(group))


def _groups(by_name: dict[str, _Choices]) -> Iterator[list[_Choices]]:
    """The names that have a key or an identity in common, also through others; most have nothing in common."""
    members: dict[str, set[str]] = {}
    tokens = {
        name: {token for signer, identity in choices for token in (f"key {signer.keyid}", f"identity {identity}")}
        for name, choices in by_name.items()
    }
    for name, own in tokens.items():
        for token in own:
            members.setdefault(token, set()).add(name)
    seen: set[str] = set()
    for first in by_name:
        group, near = [], [first]
        while near:
            name = near.pop()
            if name not in seen:
                seen.add(name)
                group.append(name)
                near += [other for token in tokens[name] for other in members.pop(token, ())]
        if group:
            yield [by_name[name] for name in group]


def _most(names: list[_Choices]) -> list[CountedSigner]:
    """A depth-first search: for each name one of its choices, or none."""
    pairs = [pair for choices in names for pair in choices]
    bound = min(len(names), len({signer.keyid for signer, _ in pairs}), len({identity for _, identity in pairs}))
    best: dict[str, CountedSigner] = {}
    stack: list[tuple[int, dict[str, CountedSigner]]] = [(0, {})]
    for _ in range(_STEPS):
        if not stack or len(best) == bound:
            break
        at, chosen = stack.pop()
        if len(chosen) + len(names) - at <= len(best):
            continue
        best = max(best, chosen, key=len)
        if at == len(names):
            continue
        keys = {signer.keyid for signer in chosen.values()}
        stack.append((at + 1, chosen))
        stack += [
            (at + 1, {**chosen, identity: signer})
            for signer, identity in reversed(names[at])
            if identity not in chosen and signer.keyid not in keys
        ]
    return list(best.values())

"""How many distinct signers there are: no two of them with the same key, the same name or the same identity.

Rule: neither the order of signatures nor one more of them makes fewer signers.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from attest.results.report import CountedSigner

    _Choices = list[tuple[CountedSigner, str]]  # of one name: each signature with an identity that it can count for

# For names that share keys, in choices that are looked at. A few take a few; whoever makes up many that take more gets
# what was found until then, which is at least what there is without shared keys.
_STEPS: Final = 100_000


def distinct(signers: Iterable[CountedSigner]) -> list[CountedSigner]:
    """As many of `signers` as possible, of which no two have the same key, the same name or the same identity."""
    by_name: dict[str, _Choices] = {}
    for signer in signers:
        # As hosts, repositories and mailboxes are compared: two spellings are no two signers.
        choices = by_name.setdefault(signer.name.casefold(), [])
        choices += [(signer, identity) for identity in signer.identities]
    return sorted(signer for group in _groups(by_name) for signer in _most(_needed(group)))


def _needed(names: list[_Choices]) -> list[_Choices]:
    """The choices without those that cannot make a difference, so that many of one kind cost what a few cost."""
    shared = _shared(names)
    most = len({identity for choices in names for _, identity in choices})  # that can count
    alike: Counter[frozenset[tuple[str | None, str]]] = Counter()
    needed = []
    for choices in names:
        own: dict[tuple[str | None, str], tuple[CountedSigner, str]] = {}
        keys: Counter[str] = Counter()
        for signer, identity in choices:
            place = (signer.keyid if signer.keyid in shared else None), identity
            if place not in own and keys[identity] < most:  # the other signers that count have fewer keys
                keys[identity] += 1
                own[place] = signer, identity
        kind = frozenset(own)
        if alike[kind] < len(keys):  # no more of them than their identities can count
            alike[kind] += 1
            needed.append(list(own.values()))
    return needed


def _shared(names: Iterable[_Choices]) -> set[str]:
    """The keys that several names have."""
    numbers = Counter(keyid for choices in names for keyid in {signer.keyid for signer, _ in choices})
    return {keyid for keyid, number in numbers.items() if number > 1}


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
    place = {name: position for position, name in enumerate(by_name)}
    for first in by_name:
        group, near = [], [first]
        while near:
            name = near.pop()
            if name not in seen:
                seen.add(name)
                group.append(name)
                near += [other for token in tokens[name] for other in members.pop(token, ())]
        if group:
            yield [by_name[name] for name in sorted(group, key=place.__getitem__)]  # the same in each run


def _most(names: list[_Choices]) -> list[CountedSigner]:
    shared = _shared(names)
    best = _assigned([[one for one in choices if one[0].keyid not in shared] for choices in names])
    return list((_searched(names, best) if shared else best).values())


def _assigned(names: list[_Choices]) -> dict[str, CountedSigner]:
    """As many identities as possible, each with a signature of another name: a maximum matching in a bipartite graph.

    No two names have a key in common. For each name, a shortest augmenting path is searched. What a search without
    success reached (a Hungarian tree) is never on another path.
    """
    chosen: dict[str, CountedSigner] = {}
    holder: dict[str, int] = {}
    held: dict[int, str] = {}
    closed: set[str] = set()
    for start in range(len(names)):
        reached: dict[str, tuple[int, CountedSigner]] = {}
        near = [start]
        free: str | None = None
        for name in near:  # it grows
            for signer, identity in names[name]:
                if identity not in reached and identity not in closed:
                    reached[identity] = name, signer
                    if identity not in holder:
                        free = identity
                        break
                    near.append(holder[identity])
            if free is not None:
                break
        if free is None:
            closed.update(reached)
        while free is not None:
            name, chosen[free] = reached[free]
            before = held.get(name)
            holder[free], held[name] = name, free
            free = before
    return chosen


def _searched(names: list[_Choices], best: dict[str, CountedSigner]) -> dict[str, CountedSigner]:
    """More than `best`, if there are more: a depth-first search, for each name one of its choices, or none."""
    pairs = [pair for choices in names for pair in choices]
    bound = min(len(names), len({signer.keyid for signer, _ in pairs}), len({identity for _, identity in pairs}))
    stack: list[tuple[int, dict[str, CountedSigner]]] = [(0, {})]
    left = _STEPS
    while stack and len(best) < bound and left > 0:
        at, chosen = stack.pop()
        left -= 1
        if len(chosen) + len(names) - at <= len(best):
            continue
        best = max(best, chosen, key=len)
        if at == len(names):
            continue
        left -= len(names[at])
        keys = {signer.keyid for signer in chosen.values()}
        stack.append((at + 1, chosen))
        stack += [
            (at + 1, {**chosen, identity: signer})
            for signer, identity in reversed(names[at])
            if identity not in chosen and signer.keyid not in keys
        ]
    return best

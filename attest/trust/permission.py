"""Which anchors' word counts for a statement: those that own all of its names, as far as their limits go.

Rule: who owns a name is asked first, and nothing else is; then the other limits decide among the owners.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.artifacts import names
from attest.trust.anchors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest.statement import Statement
    from attest.trust.anchors import TrustAnchor
    from attest.trust.owners import Owners


def allowed_anchors(
    owners: Owners, met: Iterable[TrustAnchor], payload_type: str, statement: Statement
) -> tuple[list[TrustAnchor], NotAllowed | None]:
    """Those of `met`, the anchors that enough keys signed for, whose word counts; the first objection if there is none.

    One is enough, also where several own the same names.
    """
    owned: dict[str, Mapping[str, str]] = {}
    counting = []
    first = None
    for anchor in met:
        if anchor.subjects is None:
            why_not = anchor.objection_to_type(payload_type, statement)
        else:
            why_not = not_allowed(owners, anchor, payload_type, statement, owned)
        if why_not is None:
            counting.append(anchor)
        else:
            first = first or why_not
    return counting, None if counting else first


def not_allowed(
    owners: Owners,
    anchor: TrustAnchor,
    payload_type: str,
    statement: Statement,
    owned: dict[str, Mapping[str, str]] | None = None,
) -> NotAllowed | None:
    """Why `anchor` may not vouch for `statement`, or None if it may.

    With `subjects` it must own every name and URI of every subject. Without, it isn't limited: it takes nothing from
    others, and others take nothing from it. `owned` keeps whose names are, for who asks about several anchors.
    """
    why_not = anchor.objection_to_type(payload_type, statement)
    if why_not is not None or anchor.subjects is None:
        return why_not
    known = {} if owned is None else owned
    # As it was parsed: a verification asks this, and would pay for a read-only copy.
    for subject in statement._plain()["subject"]:
        called = names(subject)
        if not called:
            return NotAllowed("subject-not-allowed", f"{anchor.name} may not vouch for a subject without a name")
        for name in called:
            whose = known.get(name)
            if whose is None:
                whose = known[name] = owners.who(name)
            if anchor.name not in whose:
                return NotAllowed("subject-not-allowed", _message(anchor, name, whose))
    return None


def _message(anchor: TrustAnchor, name: str, whose: Mapping[str, str]) -> str:
    owner, glob = next(iter(whose.items()), (None, None))
    belongs = f": it belongs to {owner}, whose {glob!r} is the most specific" if owner is not None else ""
    return f"{anchor.name} may not vouch for {name!r}{belongs}"

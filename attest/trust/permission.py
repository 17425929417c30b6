"""Which anchors are allowed to sign for a statement: those responsible for all its names, within their limits.

Rule: only `subjects` decide which anchors are responsible; then the other limits decide among these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attest.artifacts import names
from attest.trust.anchors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from attest.statement import Statement
    from attest.trust.anchors import TrustAnchor
    from attest.trust.anchors.owners import Owners


def allowed_anchors(
    owners: Owners, met: Iterable[TrustAnchor], payload_type: str, statement: Statement
) -> tuple[list[TrustAnchor], NotAllowed | None]:
    """Those of `met`, the anchors that reached their threshold, that are allowed to sign for the statement.

    If there is none, also the first reason. One is enough, also if several are responsible for the same names.
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
    """Why `anchor` is not allowed to sign for `statement`, or None if it is.

    With `subjects` it must be responsible for every name and URI of every subject. Without, it is not limited, and does
    not limit others. `owned` keeps who is responsible for each name, for calls about several anchors.
    """
    why_not = anchor.objection_to_type(payload_type, statement)
    if why_not is not None or anchor.subjects is None:
        return why_not
    known = {} if owned is None else owned
    # As it was parsed: a read-only copy would slow down every verification.
    for subject in statement._content.subjects():
        called = names(subject)
        if not called:
            return NotAllowed(
                "subject-not-allowed", f"anchor {anchor.name!r} is not allowed to sign for a subject without a name"
            )
        for name in called:
            whose = known.get(name)
            if whose is None:
                whose = known[name] = owners.who(name)
            if anchor.name not in whose:
                return NotAllowed("subject-not-allowed", _message(anchor, name, whose))
    return None


def _message(anchor: TrustAnchor, name: str, whose: Mapping[str, str]) -> str:
    owner, glob = next(iter(whose.items()), (None, None))
    why = (
        f": anchor {owner!r} is responsible, because its {glob!r} matches most specifically"
        if owner is not None
        else ""
    )
    return f"anchor {anchor.name!r} is not allowed to sign for subject {name!r}{why}"

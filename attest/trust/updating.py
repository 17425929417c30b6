"""Updates of a signed trust bundle: newer versions that are accepted from the version at hand.

Rule: a file gets a new content only if every version in between verifies, and never an older one.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from attest._base import files
from attest.errors import AttestError, InputError, Rejected, locate
from attest.trust.bundle import TrustBundle
from attest.trust.history import MAX_HISTORY, MAX_VERSIONS, read, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attest.envelope import Envelope
    from attest.results.report import RootCheck
    from attest.trust.anchors.roots import TrustRoots
    from attest.trust.history import SignedBundle


class Update(NamedTuple):
    """The content of a trust bundle's file after an update, which is a history: one version a line.

    `before` is the version at hand, if there was one, and `bundle` the newest. `checks` has the roots of each version
    that is new.
    """

    data: bytes
    before: TrustBundle | None
    bundle: TrustBundle
    checks: tuple[RootCheck, ...]

    @property
    def changed(self) -> bool:
        """Whether the source has a newer version."""
        return self.before is None or self.before.version != self.bundle.version


def update(
    current: bytes | None,
    published: bytes,
    root: TrustBundle | TrustRoots | None = None,
    *,
    file: str,
    source: str,
    allow_simulated: bool = False,
) -> Update:
    """Follow the versions in `published` from the last version in `current`, which is trusted as it is.

    With `root`, it must lead to that version too, or lie after it. Without `current` it is the beginning, and then it
    is required. Older versions in `current` are kept, so that every `root` that led to it still does. `file` and
    `source` name the two in errors. The time is not looked at: the newest version may have expired.

    Raises Rejected `trust-rollback` if the source ends before the version at hand, `trust-fork` if it has another
    version with a number that `current` has, `trust-unsigned`, and as `walk`. Raises InputError as `read`, and
    `trust-root-missing`, `trust-history-too-long` and `file-too-large`.
    """
    held: Sequence[SignedBundle] = ()
    with _named(file):
        if current is not None:
            held = _signed(current, "Create another FILE: attest trust update NEW --from SOURCE --trust-root FILE.")
            walk(held, held[0].unverified, allow_simulated=allow_simulated)
            if root is not None and not _is_later(root, held):
                walk(held, root, allow_simulated=allow_simulated)
        elif root is None:
            raise no_beginning()
    with _named(source):
        found = _signed(published, "Publish the signed versions (docs/trust/signed.md).")
        checks: tuple[RootCheck, ...] = ()
        if held:
            _demand_same(found, held, file)
            checks = walk(found, held[-1].unverified, allow_simulated=allow_simulated).checks
        if root is not None and _is_later(root, held):
            from_root = walk(found, root, allow_simulated=allow_simulated).checks
            checks = checks or from_root
    last = held[-1].unverified.version if held else (root.version - 1 if isinstance(root, TrustBundle) else 0)
    new = [signed for signed in found if signed.unverified.version > last]
    whole = [*held, *new]
    lines = [_line(signed.envelope) for signed in held]
    lines += [_line(_without_the_rest(signed, checks)) for signed in new]
    data = b"".join(lines)
    if len(whole) > MAX_VERSIONS or len(data) > MAX_HISTORY:
        limit = f"{MAX_VERSIONS:,} versions or {files.size(MAX_HISTORY)}"
        hint = "Remove the lines of versions that are older than your --trust-root."
        raise InputError("trust-history-too-long", f"the file would have more than {limit}", where=file, hint=hint)
    return Update(data, held[-1].unverified if held else None, whole[-1].unverified, checks)


def no_beginning() -> InputError:
    """The error if there is neither a version at hand nor a root."""
    hint = "Give its roots, or a version that you trust: --trust-root FILE."
    return InputError("trust-root-missing", "the file does not exist, so nothing is trusted yet", hint=hint)


def _is_later(root: TrustBundle | TrustRoots, held: Sequence[SignedBundle]) -> bool:
    """Whether a root lies after the versions at hand, so that only newer versions can come from it."""
    return not held or (isinstance(root, TrustBundle) and root.version > held[-1].unverified.version)


def _signed(data: bytes, hint: str) -> tuple[SignedBundle, ...]:
    found = read(data)
    if isinstance(found, TrustBundle):
        raise Rejected("trust-unsigned", "the trust bundle is not signed, and only signed ones are updated", hint=hint)
    return found


def _demand_same(found: Sequence[SignedBundle], held: Sequence[SignedBundle], file: str) -> None:
    last = held[-1].unverified.version
    if found[-1].unverified.version < last:
        message = f"the newest version there is {found[-1].unverified.version}, but {file} has version {last}"
        hint = "The source is out of date, or someone withholds newer versions."
        raise Rejected("trust-rollback", message, hint=hint)
    known = {signed.unverified.version: signed.unverified.raw for signed in held}
    for signed in found:
        number = signed.unverified.version
        if known.get(number, signed.unverified.raw) != signed.unverified.raw:
            message = f"version {number} differs from version {number} in {file}"
            hint = "Someone changed the source, or the roots signed two versions with this number: ask who holds them."
            raise Rejected("trust-fork", message, where=signed.where, hint=hint)


def _without_the_rest(signed: SignedBundle, checks: Sequence[RootCheck]) -> Envelope:
    """The envelope of a new version with the signatures that count, and nothing that anybody could add to it.

    Otherwise a source could fill the file, and no later version would fit. A version that is the root itself stays as
    it is: its signatures are not checked.
    """
    own = [check for check in checks if check.version == signed.unverified.version]
    counted = {one.position: one for check in own for one in check.signatures if one.code is None}
    if not counted:
        return signed.envelope
    kept = []
    for position, signature in enumerate(signed.envelope.signatures):
        one = counted.get(position)
        if one is not None:
            is_bare = one.identity is None and one.timestamp is None
            kept.append(replace(signature, keyid=one.keyid or "", fields=None) if is_bare else signature)
    return replace(signed.envelope, signatures=tuple(kept), raw=None, fields=None)


def _line(envelope: Envelope) -> bytes:
    """The envelope on one line: in JSON, a line break is never part of a value."""
    return envelope.to_json().replace(b"\r", b" ").replace(b"\n", b" ").strip() + b"\n"


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Errors begin with the name of what they are about."""
    try:
        yield
    except AttestError as error:
        raise locate(error, name) from None

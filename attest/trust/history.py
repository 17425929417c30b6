"""Signed trust bundles: a chain of versions, each signed by the roots of the one before it and by its own.

Rule: nothing leads to a signed bundle but the roots of the version before, one version at a time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from types import NoneType
from typing import TYPE_CHECKING, Final, NamedTuple

from attest._base import files
from attest._base.expected import demand, demand_bytes, demand_path
from attest._base.json import loads_object
from attest.envelope import Envelope
from attest.errors import AttestError, InputError, Rejected
from attest.results.report import RootCheck
from attest.trust.bundle import TrustBundle, demand_version, signed_parts
from attest.trust.roots import MEDIA_TYPE as ROOTS_MEDIA_TYPE
from attest.trust.roots import TrustRoots
from attest.trust.signatures import check_signatures, demand_all_tried, describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


PAYLOAD_TYPE: Final = "application/vnd.attest.trust-bundle+json"
MAX_VERSIONS: Final = 1024
MAX_HISTORY: Final = 64 << 20

# Roots have no windows, so that any moment is as good to judge them at.
_WHENEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SignedBundle:
    """One version in its envelope, its signatures unverified; `line` is its place in a history of several."""

    unverified: TrustBundle
    envelope: Envelope = field(repr=False)
    line: int | None = None

    @property
    def where(self) -> str | None:
        """Its place for an error."""
        return None if self.line is None else f"line {self.line}"


class AcceptedHistory(NamedTuple):
    """The trust bundle that a chain led to, and every set of roots on the way, which has signed what it had to."""

    bundle: TrustBundle
    checks: tuple[RootCheck, ...]


def load(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | TrustBundle | TrustRoots | None = None,
    min_version: int | None = None,
    allow_simulated: bool = False,
) -> TrustBundle:
    """The trust bundle in the file at `path`: a plain one or, with `root`, a signed one or the last of a history.

    A plain file is taken as it is: whoever names it vouches for it. `root` vouches for a signed one, as `walk` says; a
    path is read by `load_root`. That a bundle has expired is said by `attest.verify`, where it is used.

    Raises as `read` and `accept`, and Rejected `trust-rollback` for a version below `min_version`.
    """
    demand_path(path, "path", reader="attest.trust.history.read")
    trusted = load_root(root) if isinstance(root, str | os.PathLike) else root
    demand(trusted, (TrustBundle, TrustRoots, NoneType), "root", "a path, a TrustBundle or TrustRoots")
    try:
        found = read(files.read(path, limit=MAX_HISTORY))
        bundle = accept(found, trusted, allow_simulated=allow_simulated).bundle
        demand_version(bundle, min_version)
    except AttestError as error:
        raise _in_file(error, path) from None
    return bundle


def load_root(path: str | os.PathLike[str]) -> TrustBundle | TrustRoots:
    """What vouches for signed bundles: a file of roots, or a bundle, plain or signed; of a history the last version.

    The file is taken as it is: whoever names it vouches for it. Raises InputError as `read`, and `roots-missing`.
    """
    demand_path(path, "path")
    try:
        data = files.read(path, limit=MAX_HISTORY)
        parts = signed_parts(data)
        if not parts and loads_object(data, what="the trust root").get("mediaType") == ROOTS_MEDIA_TYPE:
            return TrustRoots.from_json(data)
        bundle = _read_signed(parts[-1][1]).unverified if parts else TrustBundle.from_json(data)
        roots_of(bundle)
    except AttestError as error:
        raise _in_file(error, path) from None
    return bundle


def read(data: bytes) -> TrustBundle | tuple[SignedBundle, ...]:
    """What a file of trust holds: a plain bundle, or signed ones, oldest first and unverified, an envelope a line.

    Raises InputError: what reading envelopes and bundles raises; `file-too-large` for a plain bundle over the limit,
    `trust-history-too-long` over MAX_VERSIONS, `trust-invalid` for an envelope of something else, and `roots-missing`
    for a signed bundle that names no roots.
    """
    demand_bytes(data, "trust bundle", reader="TrustBundle.load")
    parts = signed_parts(data)
    if not parts:
        if len(data) > files.MAX_FILE:
            raise InputError("file-too-large", f"this is larger than {files.size(files.MAX_FILE)}")
        return TrustBundle.from_json(data)
    if len(parts) > MAX_VERSIONS:
        message = f"these are {len(parts)} versions, and at most {MAX_VERSIONS} are read"
        raise InputError("trust-history-too-long", message)
    if len(parts) == 1:
        return (_read_signed(parts[0][1]),)
    found = []
    for line, part in parts:
        try:
            found.append(_read_signed(part, line))
        except InputError as error:
            raise error.at(f"line {line}") from None
    return tuple(found)


def accept(
    found: TrustBundle | Sequence[SignedBundle],
    root: TrustBundle | TrustRoots | None,
    *,
    allow_simulated: bool = False,
) -> AcceptedHistory:
    """What was read, if it is what was asked for: plain without a `root`, or signed and led to from it by `walk`.

    Raises as `walk`; InputError `trust-root-missing` for signed ones without `root`; Rejected `trust-unsigned` for a
    plain one with it, which is never taken for one that it vouches for.
    """
    if not isinstance(found, TrustBundle):
        if root is None:
            raise InputError(
                "trust-root-missing",
                "this is a signed trust bundle, and nothing says whose signatures are trusted",
                hint="Name its roots, or an older version that you trust: --trust-root FILE.",
            )
        return walk(found, root, allow_simulated=allow_simulated)
    if root is not None:
        raise Rejected(
            "trust-unsigned",
            "this is a plain trust bundle, and one that is signed was asked for",
            hint="To vouch for the file yourself, leave --trust-root out.",
        )
    return AcceptedHistory(found, ())


def walk(
    history: Sequence[SignedBundle], root: TrustBundle | TrustRoots, *, allow_simulated: bool = False
) -> AcceptedHistory:
    """Follow a history of at least one version from `root` to its last.

    From a bundle of version n the next must be n + 1, signed by the threshold of the roots of n and by that of its own
    (section 5.3 of the TUF specification), and so on; what is older is passed over, and what is as old must be the
    same bytes. From roots alone the first version must be signed by them and by its own, whatever its number.

    Raises Rejected: `trust-version-gap`, `trust-rollback`, `trust-fork`, and `root-threshold-not-met`, whose `roots`
    is the RootCheck that failed.
    """
    last = history[-1].unverified
    for before, signed in pairwise(history):
        demand_successor(signed, before.unverified.version)
    if isinstance(root, TrustBundle) and last.version < root.version:
        message = f"this ends with version {last.version}, and the trust root is version {root.version}"
        raise Rejected("trust-rollback", message)
    checks: list[RootCheck] = []
    trusted = root
    for signed in history:
        bundle = signed.unverified
        if isinstance(trusted, TrustBundle):
            if bundle.version < trusted.version:
                continue
            if bundle.version == trusted.version:
                _demand_same(signed, trusted)
                continue
            demand_successor(signed, trusted.version)
        for check in _judged(signed, trusted, allow_simulated):
            _demand_met(check, signed.where)  # of the roots before it first: its own may be anybody's
            checks.append(check)
        trusted = bundle
    return AcceptedHistory(last, tuple(checks))


def judge(
    signed: SignedBundle, before: TrustBundle | TrustRoots | None, *, allow_simulated: bool = False
) -> list[RootCheck]:
    """What the signatures on a version are worth to the roots before it, where there are any, and to its own.

    Raises InputError `roots-missing` for a bundle without roots.
    """
    return list(_judged(signed, before, allow_simulated))


def _judged(
    signed: SignedBundle, before: TrustBundle | TrustRoots | None, allow_simulated: bool
) -> Iterator[RootCheck]:
    version = signed.unverified.version
    for trusted in (before, signed.unverified):
        if trusted is None:
            continue
        roots = roots_of(trusted)
        # A key has the status that this set gives it: what the new version calls lost is still a root of the old one.
        signatures, lacking = check_signatures(signed.envelope, roots, _WHENEVER, allow_simulated)
        named = trusted.version if isinstance(trusted, TrustBundle) else None
        met = None in lacking.values()  # the roots are its one anchor, which is there if any of them signed
        yield RootCheck(version, named, roots.threshold, signatures, met)


def roots_of(trusted: TrustBundle | TrustRoots) -> TrustRoots:
    """The roots of a bundle, or those given. Raises InputError `roots-missing` for a bundle without."""
    roots = trusted if isinstance(trusted, TrustRoots) else trusted.roots
    if roots is None:
        raise InputError(
            "roots-missing",
            "this trust bundle names no roots, so nobody can sign it or its next version",
            where="/roots",
            hint="`attest trust init --root URI` makes one with roots.",
        )
    return roots


def demand_successor(signed: SignedBundle, version: int) -> None:
    """Raises Rejected `trust-rollback` or `trust-version-gap` unless `signed` is the next one after `version`."""
    own = signed.unverified.version
    if own != version + 1:
        code = "trust-rollback" if own <= version else "trust-version-gap"
        message = f"version {own} can't follow version {version}: each is one higher than the one before"
        raise Rejected(code, message, where=signed.where)


def _read_signed(data: bytes, line: int | None = None) -> SignedBundle:
    envelope = Envelope.from_json(data)
    if envelope.payload_type != PAYLOAD_TYPE:
        message = f"the payload is {envelope.payload_type!r}, and not a trust bundle"
        raise InputError("trust-invalid", message, where="/payloadType")
    try:
        bundle = TrustBundle.from_json(envelope.unverified_payload)
        roots_of(bundle)
    except InputError as error:
        raise error.at("payload") from None
    return SignedBundle(bundle, envelope, line)


def _demand_same(signed: SignedBundle, root: TrustBundle) -> None:
    if signed.unverified.raw != root.raw:
        message = f"this version {root.version} is not the trust root's version {root.version}"
        raise Rejected("trust-fork", message, where=signed.where)


def _demand_met(check: RootCheck, where: str | None) -> None:
    if check.met:
        return
    try:
        demand_all_tried(check.signatures)
    except InputError as error:
        error.hint = "Write the keyid beside each signature, or take off those that are not needed."
        raise error.at(where) if where else error from None
    simulated = any(signature.code == "simulated-key" for signature in check.signatures)
    raise Rejected(
        "root-threshold-not-met",
        f"version {check.version} needs signatures by {check.threshold} of {check.whose}, and has {check.counted} "
        f"({describe(check.signatures) or 'there are none'})",
        where=where,
        hint="Roots of the simulator prove nothing; --allow-simulated accepts them in a test." if simulated else None,
        roots=check,
    )


def _in_file(error: AttestError, path: str | os.PathLike[str]) -> AttestError:
    name = os.fspath(path)
    return error if (error.where or "").startswith(name) else error.at(name)

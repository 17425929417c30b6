"""Signed trust bundles: a chain of versions, each signed by the roots of the one before it and by its own.

Rule: a signed bundle is accepted only through the roots of the previous version, one version at a time.
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
from attest.errors import AttestError, InputError, Rejected, locate
from attest.limits import MAX_TRIES
from attest.results.report import RootCheck
from attest.trust.anchors.roots import MEDIA_TYPE as ROOTS_MEDIA_TYPE
from attest.trust.anchors.roots import TrustRoots
from attest.trust.bundle import TrustBundle, demand_version, signed_parts
from attest.trust.signatures import check_signatures, demand_all_decided, describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


PAYLOAD_TYPE: Final = "application/vnd.attest.trust-bundle+json"
MAX_VERSIONS: Final = 1024
MAX_HISTORY: Final = 64 << 20

# Roots have no validity periods, so the time at which their signatures are checked does not matter.
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
    """The last trust bundle of a history, and the check of every set of roots on the way; all are met."""

    bundle: TrustBundle
    checks: tuple[RootCheck, ...]


def load(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | TrustBundle | TrustRoots | None = None,
    min_version: int | None = None,
    allow_simulated: bool = False,
) -> TrustBundle:
    """The trust bundle in the file at `path`: an unsigned one or, with `root`, a signed one or the last of a history.

    An unsigned file is trusted as it is. From `root`, a signed one is reached as `walk` describes; a path is read by
    `load_root`. Expiry is not checked here, but by `attest.verify`.

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
        raise locate(error, os.fspath(path)) from None
    return bundle


def load_root(path: str | os.PathLike[str]) -> TrustBundle | TrustRoots:
    """What a verifier pins: a roots file, or a bundle, unsigned or signed; of a history the last version.

    The file is trusted as it is. Raises InputError as `read`, and `roots-missing`.
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
        raise locate(error, os.fspath(path)) from None
    return bundle


def read(data: bytes) -> TrustBundle | tuple[SignedBundle, ...]:
    """The content of a trust file: an unsigned bundle, or signed ones, oldest first and unverified, one a line.

    Raises InputError: what reading envelopes and bundles raises; `file-too-large` for an unsigned bundle above the
    limit, `trust-history-too-long` above MAX_VERSIONS, `trust-invalid` for an envelope with another payload, and
    `roots-missing` for a signed bundle without roots.
    """
    demand_bytes(data, "trust bundle", reader="TrustBundle.load")
    parts = signed_parts(data)
    if not parts:
        if len(data) > files.MAX_FILE:
            raise InputError("file-too-large", f"the trust bundle is larger than {files.size(files.MAX_FILE)}")
        return TrustBundle.from_json(data)
    if len(parts) > MAX_VERSIONS:
        message = f"expected at most {MAX_VERSIONS:,} versions, found {len(parts):,}"
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
    """Accept what was read: an unsigned bundle without a `root`, or signed ones that `walk` accepts from `root`.

    Raises as `walk`; InputError `trust-root-missing` for signed ones without `root`; Rejected `trust-unsigned` for an
    unsigned one with `root`.
    """
    if not isinstance(found, TrustBundle):
        if root is None:
            raise InputError(
                "trust-root-missing",
                "the trust bundle is signed, but no --trust-root is given",
                hint="Give its roots, or an older version that you trust: --trust-root FILE.",
            )
        return walk(found, root, allow_simulated=allow_simulated)
    if root is not None:
        raise Rejected(
            "trust-unsigned",
            "the trust bundle is not signed, but --trust-root requires a signed one",
            hint="Check the file. If you trust it as it is, omit --trust-root.",
        )
    return AcceptedHistory(found, ())


def walk(
    history: Sequence[SignedBundle], root: TrustBundle | TrustRoots, *, allow_simulated: bool = False
) -> AcceptedHistory:
    """Follow a history of at least one version from `root` to its last.

    After version n the next must be n + 1, signed by enough roots of n and by enough of its own (section 5.3 of the TUF
    specification), and so on. Versions older than `root` are skipped, and one with its number must be the same bytes.
    From roots alone, the first version must be signed by them and by its own roots, whatever its number.

    Raises Rejected: `trust-version-gap`, `trust-rollback`, `trust-fork`, and `root-threshold-not-met`, whose `roots`
    is the RootCheck that failed.
    """
    last = history[-1].unverified
    for before, signed in pairwise(history):
        demand_successor(signed, before.unverified.version)
    if isinstance(root, TrustBundle) and last.version < root.version:
        message = f"the last version is {last.version}, but --trust-root has version {root.version}"
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
        for check in _checks(signed, trusted, allow_simulated):
            _demand_met(check, signed.where)  # the previous roots first: anyone can add roots of their own
            checks.append(check)
        trusted = bundle
    return AcceptedHistory(last, tuple(checks))


def check_roots(
    signed: SignedBundle,
    before: TrustBundle | TrustRoots | None,
    *,
    allow_simulated: bool = False,
    max_tries: int = MAX_TRIES,
) -> list[RootCheck]:
    """Which signatures on a version count for the previous roots, if there are any, and for its own.

    `max_tries` is for each set of roots (attest.limits). Raises InputError `roots-missing` for a bundle without roots.
    """
    return list(_checks(signed, before, allow_simulated, max_tries))


def _checks(
    signed: SignedBundle,
    before: TrustBundle | TrustRoots | None,
    allow_simulated: bool,
    max_tries: int = MAX_TRIES,
) -> Iterator[RootCheck]:
    version = signed.unverified.version
    for trusted in (before, signed.unverified):
        if trusted is None:
            continue
        roots = roots_of(trusted)
        # A key has its status in this set: a root that the new version revokes is still a root of the old one.
        signatures, lacking = check_signatures(signed.envelope, roots, _WHENEVER, allow_simulated, max_tries=max_tries)
        named = trusted.version if isinstance(trusted, TrustBundle) else None
        met = None in lacking.values()  # the roots are the only anchor here, present if any of them signed
        yield RootCheck(version, named, roots.threshold, signatures, met)


def roots_of(trusted: TrustBundle | TrustRoots) -> TrustRoots:
    """The roots of a bundle, or those given. Raises InputError `roots-missing` for a bundle without."""
    roots = trusted if isinstance(trusted, TrustRoots) else trusted.roots
    if roots is None:
        raise InputError(
            "roots-missing",
            "the trust bundle has no roots, so it cannot be signed",
            where="/roots",
            hint="To create a trust bundle with roots, use `attest trust init --root URI`.",
        )
    return roots


def demand_successor(signed: SignedBundle, version: int) -> None:
    """Raises Rejected `trust-rollback` or `trust-version-gap` unless `signed` is the next version after `version`."""
    own = signed.unverified.version
    if own != version + 1:
        code = "trust-rollback" if own <= version else "trust-version-gap"
        message = f"expected version {version + 1} after version {version}, found version {own}"
        raise Rejected(code, message, where=signed.where)


def _read_signed(data: bytes, line: int | None = None) -> SignedBundle:
    envelope = Envelope.from_json(data)
    if envelope.payload_type != PAYLOAD_TYPE:
        message = f"the file is an envelope with payload type {envelope.payload_type!r}, not a trust bundle"
        hint = "Check the order of the files and --trust."
        raise InputError("trust-invalid", message, where="/payloadType", hint=hint)
    try:
        bundle = TrustBundle.from_json(envelope.unverified_payload)
        roots_of(bundle)
    except InputError as error:
        raise error.at("payload") from None
    return SignedBundle(bundle, envelope, line)


def _demand_same(signed: SignedBundle, root: TrustBundle) -> None:
    if signed.unverified.raw != root.raw:
        message = f"version {root.version} differs from version {root.version} of --trust-root"
        raise Rejected("trust-fork", message, where=signed.where)


def _demand_met(check: RootCheck, where: str | None) -> None:
    if check.met:
        return
    try:
        demand_all_decided(check.signatures)
    except InputError as error:
        error.hint = "Add the keyid to each signature, or remove unnecessary signatures."
        raise error.at(where) if where else error from None
    simulated = any(signature.code == "simulated-key" for signature in check.signatures)
    raise Rejected(
        "root-threshold-not-met",
        f"version {check.version} has {check.counted} of {check.threshold} required signatures by {check.whose} "
        f"({describe(check.signatures) or 'no signatures'})",
        where=where,
        hint="Use --allow-simulated in tests only: anyone can sign with simulated keys." if simulated else None,
        roots=check,
    )

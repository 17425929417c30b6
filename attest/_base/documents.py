"""Names a file that is of another kind than a command needs: a policy, a key, an unsigned statement.

Rule: it only helps to word an error; nothing is decided, read or trusted because of what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base.json import loads_object
from attest.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Kind(NamedTuple):
    """A kind of file: `name` with its article, and what to do with such a file."""

    name: str
    hint: str


_MAX_LOOKED_AT: Final = 4 << 20

ENVELOPE: Final = Kind("a DSSE envelope", "Verify it: attest verify FILE.")
SIGSTORE: Final = Kind("a Sigstore bundle", "Verify it: attest verify FILE.")
_CONTAINER: Final = Kind("a container of attestations", "Verify it: attest verify FILE.")
ATTESTATIONS: Final = (ENVELOPE, SIGSTORE, _CONTAINER)
STATEMENT: Final = Kind("a statement that is not signed", "Sign the statement first: attest sign FILE --signer URI.")
TRUST: Final = Kind("a trust bundle", "It is named with --trust, and signed with `attest trust sign`.")
POLICY: Final = Kind("a policy", "Name it with --policy.")
PUBLIC_KEY: Final = Kind(
    "a public key", "Create a trust bundle with it: attest trust init --anchor NAME --key FILE -o trust.json."
)

PRIVATE_KEY: Final = Kind("a private key", "Keep it secret. It signs as --signer file:FILE.")
CERTIFICATE: Final = Kind("a certificate", "Use its public key, or name it as an authority of a trust bundle.")

_REPORT: Final = "Make a statement from it: attest build --from FILE."
REPORT: Final = Kind("a report, such as a scanner writes", _REPORT)
_IMAGE: Final = (
    "Name the image: attest verify --image HOST/REPOSITORY:TAG, or --image oci-layout:DIRECTORY; "
    "what is attached to it is read then."
)
_ARTIFACT: Final = "If it is an artifact, name it with --artifact. Quote a glob."

_ZIP: Final = Kind("a ZIP archive, such as a wheel or jar", _ARTIFACT)
_GZIP: Final = Kind("a gzip archive", f"Unpack it: gunzip FILE. {_ARTIFACT}")
_PROGRAM: Final = Kind("a program", _ARTIFACT)
_UTF_16: Final = Kind("a text in UTF-16", "Write it in UTF-8: iconv -f UTF-16 -t UTF-8 FILE > NEW.")
_PAGE: Final = Kind("a web page", "Check the address that it is from: a server may have sent an error or a login.")
_YAML: Final = Kind("a YAML document", "Write it as JSON: yq -o json FILE > NEW.")
_LIST: Final = Kind("a JSON array", "Write one document in each line: jq -c '.[]' FILE > NEW.jsonl.")
_TOKEN: Final = Kind("a JSON Web Token", "attest does not read these. Name the file with the signed statement.")
_ENCODED: Final = Kind("a JSON document in base64", "Decode it: base64 -d FILE > NEW.")
ARTIFACTS: Final = (_ZIP, _GZIP, _PROGRAM)

# What the first bytes say. A PEM file may begin with lines for people.
_BEGINNINGS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"PK\x03\x04", _ZIP),
    (b"\x1f\x8b", _GZIP),
    (b"\x7fELF", _PROGRAM),
    (b"\xff\xfe{\x00", _UTF_16),
    (b"\xfe\xff\x00{", _UTF_16),
    (b"<!DOCTYPE html", _PAGE),
    (b"<!doctype html", _PAGE),
    (b"<html", _PAGE),
    (b"<", Kind("an XML document", "If it is a report, make a statement from it: attest build --from FILE.")),
    (
        b"SPDXVersion:",
        Kind("an SPDX tag-value document", "Convert it: pyspdxtools -i FILE -o FILE.spdx.json."),
    ),
    (b"version https://git-lfs", Kind("a pointer of Git LFS", "Get the file that it stands for: git lfs pull.")),
    (b"-----BEGIN PGP ", Kind("a file of PGP", "attest does not read signatures and keys of PGP.")),
    *((name, _YAML) for name in (b"mediaType:", b"anchors:", b"require:", b"payloadType:", b"_type:", b"---\n")),
    (b"ssh-", PUBLIC_KEY),
    (b"ecdsa-sha2-", PUBLIC_KEY),
)
_PEM: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"PUBLIC KEY-----", PUBLIC_KEY),
    (b"PRIVATE KEY-----", PRIVATE_KEY),
    (b"CERTIFICATE-----", CERTIFICATE),
)


def _has(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda members: all(name in members for name in names)


def _is_metablock(members: Mapping[str, Any]) -> bool:
    signed = members.get("signed", members)
    return isinstance(signed, dict) and signed.get("_type") in ("link", "layout")


def _is_tuf(members: Mapping[str, Any]) -> bool:
    signed = members.get("signed")
    return isinstance(signed, dict) and "spec_version" in signed


def _is_report(members: Mapping[str, Any]) -> bool:
    """Whether it looks like a report that `attest build --from` reads."""
    context = str(members.get("@context", ""))
    return (
        context.startswith(("https://openvex.dev/ns", "https://spdx.org/rdf/3."))
        or {"matches", "descriptor"} <= members.keys()  # grype
        or {"SchemaVersion", "ArtifactType"} <= members.keys()  # trivy
        or {"results", "experimental_config"} <= members.keys()  # osv-scanner
    )


def _has_lists(*names: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda members: members.get("schemaVersion") == 2 and all(isinstance(members.get(it), list) for it in names)


def _of_media_type(part: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda members: part in str(members.get("mediaType", ""))


# From the most specific to the least.
_OBJECTS: Final[tuple[tuple[Callable[[Mapping[str, Any]], bool], Kind], ...]] = (
    (_has("payloadType", "payload", "signatures"), ENVELOPE),
    (_of_media_type("vnd.dev.sigstore.bundle"), SIGSTORE),
    (_has("verification_material", "envelope"), _CONTAINER),
    (_has("attestation_bundles"), _CONTAINER),
    (_has("base64Signature"), _CONTAINER),
    (_has("provenance_summary"), _CONTAINER),
    (
        _of_media_type("vnd.dev.sigstore.trustedroot"),
        Kind("a Sigstore trusted root", "Name it as an authority: attest trust init --authority NAME=FILE."),
    ),
    (_of_media_type("vnd.attest.trust-"), TRUST),
    (_of_media_type("vnd.attest.result"), Kind("a result of attest", "Name the attestation that was verified.")),
    (_has_lists("layers"), Kind("the manifest of an image or of what is attached to one", _IMAGE)),
    (_has_lists("manifests"), Kind("the index of an image or of an OCI layout", _IMAGE)),
    (_has("imageLayoutVersion"), Kind("the mark of an OCI layout, which is a directory", _IMAGE)),
    (_has("_type", "predicateType"), STATEMENT),
    (
        _has("type", "predicateType"),
        Kind("almost a statement: `_type` is called `type`", "Have its producer write `_type`."),
    ),
    (
        _has("subject", "predicateType"),
        Kind("almost a statement: it has no `_type`", "Have its producer write `_type`."),
    ),
    (
        _is_metablock,
        Kind("an in-toto Metablock (a link or layout of in-toto 1.0)", "Verify it with in-toto-verify."),
    ),
    (_is_tuf, Kind("TUF metadata", "Use a TUF client for it.")),
    (_has("bomFormat"), Kind("a CycloneDX document", _REPORT)),
    (_has("spdxVersion"), Kind("an SPDX document", _REPORT)),
    (_is_report, REPORT),
    (
        _has("runs", "version"),
        Kind("a SARIF document", "It has no predicate type of its own: attest build --type URI --predicate FILE."),
    ),
    (_has("require"), POLICY),
    (_has("anchors", "version"), TRUST),
    (_has("apiVersion", "kind", "metadata"), Kind("an object of Kubernetes", "Name the attestation itself.")),
)


def kind_of(data: bytes) -> Kind | None:
    """The kind of file that `data` is the content of, as far as its form tells; None for one that is not known."""
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"{"):
        for beginning, kind in _BEGINNINGS:
            if text.startswith(beginning):
                return kind
        for label, kind in _PEM if b"-----BEGIN " in text[: 64 << 10] else ():
            if label in text:
                return kind
        if text.startswith(b"["):
            is_list = text[1:].lstrip().startswith(b"{")
            return _LIST if is_list else POLICY if b"[[require]]" in text else None
        if text.startswith(b"eyJ"):
            return _TOKEN if b"." in text else _ENCODED
        return POLICY if b"[[require]]" in text else None
    if len(text) > _MAX_LOOKED_AT:
        return None
    try:
        members = loads_object(text, what="the file")
    except (InputError, MemoryError):  # only an error would be worded
        return None
    return next((kind for is_one, kind in _OBJECTS if is_one(members)), None)


def named(error: InputError, data: bytes, expected: str, *own: Kind, what: str = "this") -> InputError:
    """`error`, or one with its code that says what the file is instead; files of the kinds `own` are as `expected`.

    `what` is how messages call the file.
    """
    kind = kind_of(data)
    if kind is None or kind in own:
        return error
    return InputError(error.code, f"{what} is {kind.name}, not {expected}", hint=kind.hint)

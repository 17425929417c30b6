"""Public keys that are lines of text: OpenSSH, RFC 4716, minisign and signify.

Rule: only one key can be meant; a line that limits when or for whom a key counts is refused, as attest ignores limits.
"""

from __future__ import annotations

import re
from typing import Final

from attest._base import notices
from attest._base.json import b64decode
from attest.errors import InputError
from attest.keys import openssh
from attest.keys.formats import ED25519_SPKI

# A key type and the beginning of an encoded key: every one begins with three zero bytes, the length of its type.
# The longest type has 52 characters; without a limit, a long line takes a time that grows with its square.
_OPENSSH: Final = re.compile(r"((?:ssh|ecdsa-sha2|sk)-[A-Za-z0-9@.-]{1,64})[ \t]++(?=AAAA)")
_QUOTED: Final = re.compile(r'"(?:\\"|[^"])*+"')
_MAX_OPTIONS: Final = 8 << 10  # characters before a key: what OpenSSH read of a line
_RFC4716: Final = "---- BEGIN SSH2 "
_BEGIN, _END = "---- BEGIN SSH2 PUBLIC KEY ----", "---- END SSH2 PUBLIC KEY ----"
_COMMENT: Final = "untrusted comment:"
# Options of authorized_keys and allowed_signers that say that the key is another's, or when it counts.
_LIMITS: Final = frozenset({"cert-authority", "expiry-time", "valid-after", "valid-before"})
_MINISIGN: Final = 42  # bytes: "Ed", 8 of a key number, and the 32 of the key


def text_of(data: bytes) -> str | None:
    """`data` as text; None for other data, such as DER, which has a byte 6 (the tag of an OID) in every key."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if re.search(r"[\x00-\x08\x0e-\x1f]", text) else text


def spki_in(text: str, what: str) -> bytes | None:
    """The DER SubjectPublicKeyInfo of the one key in `text`, or None if it has none in a format of this module.

    Raises InputError `key-invalid`, also for several keys, or `key-unsupported`.
    """
    # Python knows more line ends than the programs that write keys: a comment of theirs must not be a line of ours.
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    lines = [line for line in lines if line and not line.startswith("#")]
    found = [match for line in lines for match in _OPENSSH.finditer(line)]
    blocks = sum(line.count(_RFC4716) for line in lines)
    number = len(found) + blocks + text.count("-----BEGIN ")
    if number > 1 and number > text.count("-----BEGIN "):
        hint = "Write each key into its own file, and name the one that you mean."
        raise InputError("key-invalid", f"{what} has several keys, expected one", hint=hint)
    if found:
        return _line(lines, found[0], what)
    if blocks:
        return _rfc4716(lines, what)
    if "-----BEGIN " in text:
        return None
    return _minisign(lines, what)


def _line(lines: list[str], match: re.Match[str], what: str) -> bytes:
    if len(lines) > 1:
        raise InputError("key-invalid", f"{what} has other lines beside the line of the OpenSSH key")
    kind = match[1]
    _check_options(match.string[: match.start()], what)
    spki = _decoded(re.split(r"[ \t]", match.string[match.end() :], maxsplit=1)[0], what, kind)
    return openssh.spki_of(spki, what)


def _check_options(text: str, what: str) -> None:
    """Raises InputError for options before the key (authorized_keys, allowed_signers) that limit when it counts."""
    bare = _QUOTED.sub("", text[:_MAX_OPTIONS])
    if len(text) > _MAX_OPTIONS or '"' in bare or not (text == "" or text[-1].isspace()):
        raise InputError("key-invalid", f"{what} cannot be read as the line of an OpenSSH key")
    for name in re.split(r"[,\s]+", bare):
        option = name.partition("=")[0].lower()
        if option in _LIMITS or option.startswith("@"):
            raise InputError(
                "key-invalid",
                f"{what} has the option `{option[:20]}`, which attest does not apply",
                hint="Give the line of the key without options, and limit the key in the trust bundle.",
            )
        if option == "namespaces":
            notices.warn(
                f"{what} has the option `namespaces`, which attest does not apply; limit the key in the trust bundle"
            )


def _decoded(text: str, what: str, kind: str | None) -> bytes:
    """The encoded key in base64, of the type that the line says, if it says one."""
    blob = _base64(text)
    try:
        if blob is None or (kind is not None and openssh.type_of(blob) != kind):
            raise ValueError
    except ValueError:
        message = f"{what} is not an OpenSSH public key: " + (
            "it is not base64" if blob is None else "the key in it is not of the type that it names"
        )
        raise InputError("key-invalid", message) from None
    return blob


def _base64(text: str) -> bytes | None:
    """Standard base64, strictly: None for anything else."""
    if "-" in text or "_" in text:
        return None
    try:
        return b64decode(text, where="")
    except InputError:
        return None


def _rfc4716(lines: list[str], what: str) -> bytes:
    if any("PRIVATE KEY" in line for line in lines):
        raise InputError("key-invalid", f"{what} is a private key")
    if lines[0] != _BEGIN or lines[-1] != _END:
        raise InputError("key-invalid", f"{what} has other text than one key in the format of RFC 4716")
    body = lines[1:-1]
    while body and ":" in body[0]:  # a header, which goes on in the next line after a backslash
        while len(body) > 1 and body[0].endswith("\\"):
            del body[0]
        del body[0]
    return openssh.spki_of(_decoded("".join(body), what, None), what)


def _minisign(lines: list[str], what: str) -> bytes | None:
    """The key of minisign or signify, which write the same."""
    has_comment = bool(lines) and lines[0].startswith(_COMMENT)
    body = lines[has_comment:]
    data = _base64(body[0]) if len(body) == 1 else None
    if data is not None and len(data) == _MINISIGN and data.startswith(b"Ed"):
        return ED25519_SPKI + data[10:]
    if has_comment:
        hint = "Give the file with the public key (`.pub`), not the secret key or a signature."
        raise InputError("key-invalid", f"{what} is not one public key of minisign or signify", hint=hint)
    if data is not None and len(data) == 32:
        message = f"{what} is 32 bytes in base64, which do not say what type of key they are"
        raise InputError("key-invalid", message, hint="Give the key in PEM (SubjectPublicKeyInfo) or as a JWK.")
    return None

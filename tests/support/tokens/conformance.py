"""What each PKCS#11 module can do with each kind of key, tried through attest in a process for each module.

    python -m tests.support.tokens.conformance MODULE FOLDER

prints it as JSON: for each kind of key and each operation `works`, or the error code.
"""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

import attest
from attest.keys.formats import NEW_RSA_BITS
from attest.signers.pkcs11.uri import percent_encode
from tests.support import conformance
from tests.support.cli.calls import Ran, call
from tests.support.tokens import opencryptoki
from tests.support.tokens.hsm import CLIENT, NSS, SOFTHSM, SOFTOKN, Server, SoftHSM
from tests.support.tokens.tpm import MODULE as TPM
from tests.support.tokens.tpm import NEEDS as TPM_NEEDS
from tests.support.tokens.tpm import tpm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

LABEL: Final = "t"
WORKS: Final = "works"
STRICT: Final = "strict"
LIMITED: Final = "limited"

_PIN = "12345678"
_DATA: Final = (b"", b"DSSEv1 what is signed", b"x" * 100_000)
_HASHES: Final = ("sha256", "sha384", "sha512")


@dataclass(frozen=True)
class Kind:
    """A kind of key: the algorithms that it is used with, all of which must give the same answer, and its size."""

    algorithms: tuple[str, ...]
    rsa_bits: int | None = None

    @property
    def is_secret(self) -> bool:
        """Whether it encrypts, and does not sign."""
        return self.algorithms[0].startswith("HSM-AES")


def _kinds() -> dict[str, Kind]:
    names = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ed25519", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87")
    found = {f"`{name}`": Kind((name,)) for name in names}
    for title, scheme in (("RSA-PSS", "rsassa-pss"), ("RSA PKCS #1 v1.5", "rsa-pkcs1v15")):
        for bits in (2048, 3072, 4096):
            found[f"{title}, {bits:,} bits"] = Kind(tuple(f"{scheme}-{digest}" for digest in _HASHES), bits)
    return found | {f"`{name}`": Kind((name,)) for name in ("HSM-AES-128-GCM", "HSM-AES-256-GCM")}


# By their names in docs/sign/hsm-tokens.md.
KINDS: Final = _kinds()


@dataclass(frozen=True)
class Token:
    """A token under test: the query of its URIs, and where keys come from that attest cannot generate in it."""

    query: Mapping[str, str]
    bring: Callable[[str, Kind], object] | None = None
    label: str = LABEL

    def uri(self, key: str, kind: Kind, **query: str) -> str:
        """The URI of a key."""
        path = f"pkcs11:token={percent_encode(self.label)};object={percent_encode(key)}"
        path += ";type=secret-key" if kind.is_secret else ""
        attributes = {**self.query, **{name.replace("_", "-"): value for name, value in query.items()}}
        return path + "?" + "&".join(f"{name}={percent_encode(value)}" for name, value in attributes.items())


def _with_pin(folder: Path, module: str | Path, **query: str) -> dict[str, str]:
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(_PIN)
    return {"module-path": str(module), "pin-source": f"file:{pin_file}", **query}


@contextmanager
def _softhsm(folder: Path) -> Iterator[Token]:
    yield _in_process(SoftHSM.make(folder / "softhsm", LABEL))


@contextmanager
def _through_p11_kit(folder: Path) -> Iterator[Token]:
    hsm = SoftHSM.make(folder / "softhsm", LABEL)
    direct = _in_process(hsm)
    server = Server(hsm, LABEL)
    server.start()
    try:
        query = {**direct.query, "module-path": str(server.client)}
        query["x-module-env"] = f"P11_KIT_SERVER_ADDRESS=unix:path={server.socket}"
        yield Token(query, lambda key, kind: _generate(direct, key, kind))
    finally:
        server.close()


def _in_process(hsm: SoftHSM) -> Token:
    environment = f"SOFTHSM2_CONF={hsm.configuration}"
    return Token({"module-path": str(hsm.module), "pin-source": f"file:{hsm.pin_file}", "x-module-env": environment})


@contextmanager
def _nss(folder: Path) -> Iterator[Token]:
    nss = NSS.make(folder / "nss")
    arguments = f"configdir='sql:{nss.folder}/db' certPrefix='' keyPrefix='' secmod='' flags= "
    query = {"module-path": str(nss.module), "pin-source": f"file:{nss.pin_file}", "x-init-args": arguments}
    yield Token(query, label="NSS Certificate DB")


@contextmanager
def _tpm(folder: Path) -> Iterator[Token]:
    with tpm(LABEL, _PIN) as environment, patch.dict(os.environ, environment):
        yield Token(_with_pin(folder, TPM))


@contextmanager
def _opencryptoki(folder: Path) -> Iterator[Token]:
    with opencryptoki.soft_token(folder / "opencryptoki", LABEL, _PIN):
        yield Token(_with_pin(folder, opencryptoki.MODULE))


@dataclass(frozen=True)
class Module:
    """A module: its column in docs/sign/hsm-tokens.md, its Debian package, what it needs, how its token is started."""

    column: str
    package: str
    needs: tuple[str, ...]
    token: Callable[[Path], AbstractContextManager[Token]]
    command: Callable[[], list[str]] = list  # what starts a process that may use it


MODULES: Final = {
    "softhsm": Module("SoftHSM", "softhsm2", ("softhsm2-util", SOFTHSM), _softhsm),
    "p11-kit": Module(
        "SoftHSM through p11-kit", "p11-kit", ("softhsm2-util", SOFTHSM, "p11-kit", CLIENT), _through_p11_kit
    ),
    "nss": Module("NSS", "libnss3", ("certutil", SOFTOKN), _nss),
    "tpm": Module("tpm2-pkcs11", "libtpm2-pkcs11-1", TPM_NEEDS, _tpm),
    "opencryptoki": Module("openCryptoki", "opencryptoki", opencryptoki.NEEDS, _opencryptoki, opencryptoki.command),
}


def outcomes(token: Token) -> dict[str, dict[str, str]]:
    """What the token can do with each kind of key."""
    made: set[str] = set()
    return {name: _operations(token, name, kind, made) for name, kind in KINDS.items()}


def _operations(token: Token, name: str, kind: Kind, made: set[str]) -> dict[str, str]:
    # One RSA key of each size is for both schemes.
    key = name.strip("`") if kind.rsa_bits is None else f"rsa-{kind.rsa_bits}"
    found: dict[str, str] = {}
    if key not in made:
        limited: list[bool] = []
        found["generate"] = _outcome(lambda: limited.append(_generate(token, key, kind)))
        if limited:
            made.add(key)
            found[LIMITED] = "yes" if limited[0] else "no"
    if key not in made and token.bring is not None:
        bring = token.bring
        if _outcome(lambda: bring(key, kind)) == WORKS:
            made.add(key)
    if key not in made:
        return found
    operations = _SECRET if kind.is_secret else _PAIR
    if made == {key}:  # with its first key, a module must do what is demanded of every signer
        operations = {**operations, "conform": _conform}
    for operation, act in operations.items():
        answers = {_outcome(lambda: act(token.uri(key, kind, x_algorithm=algorithm))) for algorithm in kind.algorithms}  # noqa: B023
        found[operation] = " or ".join(sorted(answers))
    return found


def _outcome(act: Callable[[], object]) -> str:
    try:
        act()
    except attest.SignerError as error:
        return error.code
    return WORKS


def _generate(token: Token, key: str, kind: Kind) -> bool:
    """Generate a key on the command line; False if that warns of other uses of the key."""
    algorithm = kind.algorithms[0]
    with patch("attest.signers.pkcs11.keys.generation.NEW_RSA_BITS", kind.rsa_bits or NEW_RSA_BITS):
        if kind.is_secret:
            ran = _run("key", "generate", token.uri(key, kind, x_algorithm=algorithm))
        else:
            ran = _run("key", "generate", token.uri(key, kind), "--algorithm", algorithm)
    if not ran.prose:
        return True
    assert ran.prose == ["attest: warning: the new key is not limited to signatures: the token also lets it decrypt"]
    return False


def _sign(uri: str) -> None:
    with attest.open_signer(uri) as signer:
        for data in _DATA:
            signer.public_key.verify(signer.sign(data).sig, data)


def _verify(uri: str) -> None:
    with attest.open_signer(uri) as signer:
        signature = signer.sign(_DATA[1]).sig
        signer.verify(signature, _DATA[1])
        try:
            signer.verify(signature, _DATA[2])
        except attest.Rejected:
            return
        raise AssertionError("the token verifies a signature over other data")


def _conform(uri: str) -> None:
    for demand in (*conformance.OF_EVERY_KEY, *conformance.OF_A_SCHEME):
        demand(uri, lambda _: None)


def _check_strictly(uri: str) -> None:
    _run("signer", "check", f"{uri}&key-policy=strict")


def _encrypt(uri: str) -> None:
    with attest.open_signer(uri) as signer:
        for data in _DATA:
            sealed = signer.encrypt(data, b"what it is for")
            assert signer.decrypt(sealed, b"what it is for") == data
            assert len(sealed) == 12 + len(data) + 16
        changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        assert _outcome(lambda: signer.decrypt(changed, b"what it is for")) == "decryption-failed"


def _wrap(uri: str) -> None:
    """Encrypt a key file with the key, and use it, as a person would on the command line."""
    for path in ("release.pem", "release.wrapped"):
        Path(path).unlink(missing_ok=True)
    _run("key", "generate", "file:release.pem")
    _run("key", "wrap", "file:release.pem", "--with", uri, "-o", "release.wrapped")
    _run("key", "check", f"file:release.wrapped?with={percent_encode(uri)}")


def _run(*arguments: str) -> Ran:
    """Run a command line; raises SignerError with the code that it printed if it fails for want of a signer."""
    ran = call(*arguments)
    if ran.code == 4:
        code = re.search(r"\(([a-z-]+)\)$", ran.prose[0])
        assert code is not None, ran.prose
        raise attest.SignerError(code[1], ran.prose[0])
    assert ran.code == 0, ran.prose
    return ran


_PAIR: Final[Mapping[str, Callable[[str], None]]] = {"sign": _sign, "verify": _verify, STRICT: _check_strictly}
_SECRET: Final[Mapping[str, Callable[[str], None]]] = {"encrypt": _encrypt, "wrap": _wrap}


def main() -> None:
    """Try a module, and print what it can do."""
    name, folder = sys.argv[1:]
    os.chdir(folder)
    with MODULES[name].token(Path(folder)) as token:
        print(json.dumps(outcomes(token), indent=1))


if __name__ == "__main__":
    main()

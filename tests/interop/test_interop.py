"""Our signers as securesystemslib's: tuf and in-toto sign with them and verify them; keys cross in both directions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from in_toto.models.link import Link
from in_toto.models.metadata import Metablock
from in_toto.runlib import in_toto_record_start, in_toto_record_stop
from in_toto.verifylib import in_toto_verify
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import (  # type: ignore[attr-defined]
    CryptoSigner,
    GPGKey,
    Key,
    Signer,
    SSlibKey,
)
from tuf.api.exceptions import UnsignedMetadataError

import attest
from attest import InputError, PublicKey, SignerError, open_signer
from attest.errors import AttestError
from attest.interop import key_from_securesystemslib, key_to_securesystemslib, register, to_securesystemslib
from attest.keys import ALGORITHMS
from attest.signers import _software
from attest.signers.file import FileSigner
from tests.support.making.keys import MemorySigner, file_signer, private_key, software_key
from tests.support.making.statements import envelope_by
from tests.support.peers.securesystemslib import (
    EXAMPLES,
    check_chain,
    check_link,
    check_tuf,
    layout_for,
    public_dict,
    root_for,
    their_table,
)
from tests.support.watching import closings, refused

__all__ = ["their_table"]

PASSPHRASE = "corr;ect pässphrase"
# Those that mean the same on both sides.
COMMON = [name for name in ALGORITHMS if not name.startswith("ml-dsa")]
ML_DSA = [name for name in ALGORITHMS if name.startswith("ml-dsa")]
WRITTEN_SCHEMES = {**{name: name for name in COMMON}, **{name: f"{name}/1" for name in ML_DSA}}


def their_own(algorithm: str, number: int = 0, keyid: str | None = None) -> SSlibKey:
    """The public key as securesystemslib itself converts it."""
    return SSlibKey.from_crypto(private_key(algorithm, number).public_key(), keyid, WRITTEN_SCHEMES[algorithm])


def uri_of(folder: Path, algorithm: str, number: int = 0, passphrase: str | None = None) -> str:
    """The URI of a key file."""
    path = folder / f"{algorithm}-{number}.pem"
    path.write_bytes(_software.to_pem(private_key(algorithm, number), passphrase))
    return f"file:{path}?algorithm={algorithm}"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tuf_and_in_toto_sign_with_a_converted_signer_and_verify_it(algorithm: str, tmp_path: Path) -> None:
    with file_signer(tmp_path, algorithm) as ours:
        signer = to_securesystemslib(ours)
        assert signer.public_key == their_own(algorithm)
        check_tuf(signer)
        check_link(signer, their_own(algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.usefixtures("their_table")
def test_they_open_it_by_its_uri_once_it_is_registered(algorithm: str, tmp_path: Path) -> None:
    register()
    key = their_own(algorithm, keyid="c0ffee")
    signer = Signer.from_priv_key_uri(uri_of(tmp_path, algorithm), key)
    assert signer.public_key is key
    check_tuf(signer)
    check_link(signer)


@pytest.mark.parametrize("dsse", [False, True], ids=["metablock", "envelope"])
def test_in_toto_verifies_a_layout_and_the_link_of_its_step(dsse: bool, tmp_path: Path) -> None:
    with file_signer(tmp_path, "ecdsa-sha2-nistp256") as ours:
        check_chain(to_securesystemslib(ours), tmp_path, dsse=dsse)


def test_in_toto_records_a_step_in_two_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second half verifies what the first has signed, with the signer's own public key."""
    monkeypatch.chdir(tmp_path)
    Path("app.c").touch()
    with file_signer(tmp_path, "ed25519") as ours:
        signer = to_securesystemslib(ours)
        in_toto_record_start("build", ["app.c"], signer=signer)
        in_toto_record_stop("build", ["app.c"], signer=signer)
    link = Metablock.load(f"build.{signer.public_key.keyid:.8}.link")
    link.verify_signature(public_dict(their_own("ed25519")))


def test_in_totos_program_finds_the_signature_of_a_key_it_reads_from_our_export(tmp_path: Path) -> None:
    with file_signer(tmp_path, "ecdsa-sha2-nistp384") as ours:
        signer = to_securesystemslib(ours)
        check_chain(signer, tmp_path, dsse=False)
        (tmp_path / "release.pub").write_text(ours.public_key.to_pem())
    program = [sys.executable, "-c", "from in_toto.in_toto_verify import main; main()"]
    arguments = ["--layout", "root.layout", "--verification-keys", "release.pub"]
    ran = subprocess.run([*program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("algorithm", COMMON)
def test_a_key_goes_there_and_back_and_is_what_they_make_of_it(algorithm: str) -> None:
    ours = software_key(algorithm).public_key
    theirs = key_to_securesystemslib(ours)
    assert theirs == their_own(algorithm)
    assert key_to_securesystemslib(ours, keyid="c0ffee") == their_own(algorithm, keyid="c0ffee")
    assert key_from_securesystemslib(theirs) == ours
    assert key_from_securesystemslib(Key.from_dict("any", theirs.to_dict())) == ours
    assert PublicKey.parse(json.dumps(theirs.to_dict()).encode()) == ours


@pytest.mark.parametrize("algorithm", COMMON)
def test_they_verify_our_envelope_with_the_converted_key_and_we_what_they_sign(algorithm: str) -> None:
    key = software_key(algorithm)
    document = json.loads(envelope_by(key).to_json())
    converted = key_to_securesystemslib(key.public_key, keyid=key.public_key.keyid)
    assert list(TheirEnvelope.from_dict(document).verify([converted], 1)) == [key.public_key.keyid]
    made = CryptoSigner(private_key(algorithm), their_own(algorithm)).sign(b"data")
    key_from_securesystemslib(their_own(algorithm)).verify(bytes.fromhex(made.signature), b"data")


@pytest.mark.parametrize("algorithm", ML_DSA)
def test_an_ml_dsa_key_does_not_convert_because_theirs_refuses_what_ours_accepts(algorithm: str) -> None:
    key = software_key(algorithm).public_key
    with refused(InputError, "algorithm-unsupported", key.keyid):
        key_to_securesystemslib(key)
    theirs = their_own(algorithm)
    with refused(InputError, "algorithm-unsupported", theirs.keyid):
        key_from_securesystemslib(theirs)


def gpg_key() -> GPGKey:
    return GPGKey("c0ffee", "rsa", "pgp+rsa-pkcsv1.5", {"public": {"e": "010001", "n": "00" * 256}})


PEM = software_key("ecdsa-sha2-nistp256").public_key.to_pem()


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (gpg_key(), "key-unsupported"),
        (SSlibKey("c0ffee", "ed25519", "ed25519ph", {"public": "00" * 32}), "key-unsupported"),
        (SSlibKey("c0ffee", "rsa", "ecdsa-sha2-nistp256", {"public": PEM}), "key-unsupported"),
        (SSlibKey.from_crypto(ec.generate_private_key(ec.SECP521R1()).public_key(), "c0ffee"), "algorithm-unsupported"),
        (SSlibKey("c0ffee", "ecdsa", "ecdsa-sha2-nistp384", {"public": PEM}), "key-algorithm-mismatch"),
        (SSlibKey("c0ffee", "ecdsa", "ecdsa-sha2-nistp256", {"public": PEM[:60]}), "key-invalid"),
        (SSlibKey("c0ffee", "ed25519", "ed25519", {"public": "00"}), "key-invalid"),
        (SSlibKey("c0ffee", "ed25519", "ed25519", {"public": "\ud800"}), "json-invalid"),
    ],
    ids=["gpg", "no-such-scheme", "another-keytype", "p521", "another-curve", "cut", "short", "no-text"],
)
def test_a_key_of_theirs_that_is_none_of_ours_is_refused(key: Key, code: str) -> None:
    with refused(InputError, code, "c0ffee"):
        key_from_securesystemslib(key)


@pytest.mark.usefixtures("their_table")
def test_the_older_keytype_of_ecdsa_is_read(tmp_path: Path) -> None:
    name = "ecdsa-sha2-nistp256"
    older = SSlibKey("c0ffee", name, name, their_own(name).keyval)
    assert key_from_securesystemslib(older) == software_key(name).public_key
    register()
    with pytest.warns(DeprecationWarning, match="keytype"):
        check_tuf(Signer.from_priv_key_uri(uri_of(tmp_path, name), older))


def test_a_simulated_key_does_not_cross(their_table: dict[str, type]) -> None:
    register()
    with open_signer("sim:test") as simulated:
        key = simulated.public_key
        with refused(InputError, "simulated-key", key.keyid):
            to_securesystemslib(simulated)
        with refused(InputError, "simulated-key", key.keyid):
            key_to_securesystemslib(key, keyid="c0ffee")
    unmarked = key_to_securesystemslib(PublicKey(key.algorithm, key.spki))
    with refused(InputError, "simulated-key", key.keyid):
        their_table["file"].from_priv_key_uri("sim:test", unmarked)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="Unsupported private key scheme sim"):
        Signer.from_priv_key_uri("sim:test", unmarked)


@pytest.mark.usefixtures("their_table")
def test_a_public_key_that_is_not_the_signers_is_refused_before_anything_is_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register()
    uri = uri_of(tmp_path, "ed25519")
    closed = closings(monkeypatch, FileSigner)
    with refused(SignerError, "key-mismatch", uri) as caught:
        Signer.from_priv_key_uri(uri, their_own("ed25519", 1))
    assert closed == [uri]
    for number in (0, 1):
        assert software_key("ed25519", number).public_key.keyid in str(caught.value)
    with refused(InputError, "key-unsupported"):
        Signer.from_priv_key_uri(uri, gpg_key())


@pytest.mark.usefixtures("their_table")
def test_the_scheme_of_an_rsa_key_is_the_one_that_the_uri_names(tmp_path: Path) -> None:
    register()
    uri = uri_of(tmp_path, "rsassa-pss-sha256")
    with refused(SignerError, "key-algorithm-mismatch", uri) as caught:
        Signer.from_priv_key_uri(uri, their_own("rsa-pkcs1v15-sha256"))
    assert "algorithm=" in (caught.value.hint or "")


@pytest.mark.usefixtures("their_table")
def test_their_secrets_handler_is_asked_for_the_passphrase_once(tmp_path: Path) -> None:
    register()
    asked: list[str] = []

    def handler(secret: str) -> str:
        asked.append(secret)
        return PASSPHRASE

    uri = uri_of(tmp_path, "ed25519", passphrase=PASSPHRASE)
    check_tuf(Signer.from_priv_key_uri(uri, their_own("ed25519"), handler))
    assert asked == [f"the passphrase of {tmp_path / 'ed25519-0.pem'}"]


@pytest.mark.usefixtures("their_table")
def test_a_signer_that_can_not_be_opened_says_why_and_no_secret(tmp_path: Path) -> None:
    register()
    uri, key = uri_of(tmp_path, "ed25519", passphrase=PASSPHRASE), their_own("ed25519")
    with refused(SignerError, "passphrase-wrong", uri) as caught:
        Signer.from_priv_key_uri(uri, key, lambda _: "hunter2")
    assert "hunter2" not in "".join(map(str, (caught.value, caught.value.hint, caught.value.__cause__)))
    with refused(SignerError, "passphrase-missing", uri):
        Signer.from_priv_key_uri(uri, key)
    with refused(SignerError, "key-unreadable"):
        Signer.from_priv_key_uri(f"file:{tmp_path}/missing.pem", key)
    with refused(SignerError, "signer-uri-invalid"):
        Signer.from_priv_key_uri("file:", key)


@pytest.mark.usefixtures("their_table")
def test_what_a_signer_says_when_it_fails_arrives_at_their_callers(tmp_path: Path) -> None:
    register()
    with Signer.from_priv_key_uri(uri_of(tmp_path, "ed25519"), their_own("ed25519")) as signer:  # type: ignore[attr-defined]
        check_tuf(signer)
    root = root_for(signer.public_key)
    with pytest.raises(UnsignedMetadataError, match="the signer is closed") as caught:
        root.sign(signer)
    assert isinstance(caught.value.__cause__, AttestError)
    assert caught.value.__cause__.code == "signer-closed"
    assert not root.signatures
    link = Metablock(signed=Link(name="build"))
    with refused(SignerError, "signer-closed"):
        link.create_signature(signer)
    assert not link.signatures


class Impostor(MemorySigner):
    """It signs with another key than its own."""

    def sign(self, data: bytes) -> attest.Signature:
        return software_key("ed25519", 1).sign(data)


class Raw(MemorySigner):
    """It writes ECDSA signatures as r and s, which we read and they don't."""

    def sign(self, data: bytes) -> attest.Signature:
        made = super().sign(data)
        parts = b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(made.sig))
        assert self.public_key.accepts(parts, data)
        return attest.Signature(made.keyid, parts)


@pytest.mark.parametrize("signer", [Impostor("ed25519", 0), Raw("ecdsa-sha2-nistp256", 0)], ids=["impostor", "raw"])
def test_a_signature_that_they_would_refuse_is_not_handed_over(signer: MemorySigner) -> None:
    with refused(SignerError, "signature-faulty", str(signer.uri)):
        to_securesystemslib(signer).sign(b"data")


def test_closing_the_converted_signer_closes_ours(tmp_path: Path) -> None:
    ours = file_signer(tmp_path, "ed25519")
    with to_securesystemslib(ours, keyid="c0ffee") as signer:
        assert signer.sign(b"data").keyid == "c0ffee"
        assert repr(signer) == f"BridgedSigner({ours!r})"
    with refused(SignerError, "signer-closed"):
        ours.sign(b"data")


def test_registering_sets_two_entries_and_leaves_theirs(their_table: dict[str, type]) -> None:
    before = dict(their_table)
    register()
    register()
    changed = {scheme for scheme, kind in their_table.items() if kind is not before.get(scheme)}
    assert changed == {"file", "pkcs11"}
    assert {"file2", "hsm", "awskms", "gcpkms", "azurekms", "hv"} <= set(before)


_IMPORTING = """
import sys, attest.interop
assert not [name for name in sys.modules if name.startswith("securesystemslib")]
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME as table
before = set(table)
with attest.open_signer("file:" + sys.argv[1]) as signer:
    attest.interop.to_securesystemslib(signer).sign(b"data")
assert set(table) == before and not before & {"file", "pkcs11"}
"""


def test_their_library_is_loaded_when_it_is_asked_for_and_nothing_is_registered(tmp_path: Path) -> None:
    (key,) = file_signer(tmp_path, "ed25519").files
    ran = subprocess.run([sys.executable, "-c", _IMPORTING, key], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_link_of_the_documentation_is_what_in_toto_verifies(tmp_path: Path) -> None:
    (tmp_path / "app.c").write_text("int main;\n")
    uri = uri_of(tmp_path, "ed25519")
    (example,) = [code for code in EXAMPLES if "in_toto_run" in code]
    subprocess.run([sys.executable, "-c", example, uri], cwd=tmp_path, check=True, capture_output=True)
    key = public_dict(their_own("ed25519"))
    layout = layout_for(key, dsse=False)
    with open_signer(uri) as ours:
        layout.create_signature(to_securesystemslib(ours))
    in_toto_verify(layout, {key["keyid"]: key}, link_dir_path=str(tmp_path))

"""Public keys in the formats of other programs: read as one key, or refused with a code, never as another key."""

from __future__ import annotations

import json
import subprocess
import time
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

from attest import InputError, PublicKey, keys, open_signer
from attest.keys import ALGORITHMS, openssh
from attest.keys.documents import JWK_ALGORITHMS
from tests.vectors.keys import ALICE, ML_DSA
from tests.vectors.keys import P256 as P256_KEY
from tests.vectors.keys import P384 as P384_KEY
from tests.vectors.keys import RSA as RSA_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from attest.keys import KeyForm

ED25519, P256, P384, RSA = "ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "rsassa-pss-sha256"
OPENSSH = [ED25519, P256, P384, RSA]


KEYS = {ED25519: ALICE, P256: P256_KEY, P384: P384_KEY, **ML_DSA}


def key_for(algorithm: str) -> PublicKey:
    return PublicKey.parse(KEYS.get(algorithm, RSA_KEY).spki, algorithm=algorithm)


def line(algorithm: str = P256) -> str:
    """A key as `cryptography` writes it for OpenSSH."""
    written: bytes = KEYS.get(algorithm, RSA_KEY).public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return written.decode()


def refused(data: str | bytes, algorithm: str | None = None) -> InputError:
    with pytest.raises(InputError) as caught:
        PublicKey.parse(data.encode() if isinstance(data, str) else data, algorithm=algorithm)
    return caught.value


def test_every_public_case_from_the_field_is_read_or_refused_as_it_should(shared_data: Path) -> None:
    folder = shared_data / "keyfiles"
    cases = [one for one in json.loads((folder / "cases.json").read_bytes())["cases"] if one["role"] == "public"]
    assert len(cases) > 20
    for case in cases:
        data = (folder / case["file"]).read_bytes()
        if "error" in case:
            assert refused(data).code == case["error"], case["file"]
        else:
            key = PublicKey.parse(data)
            assert (key.algorithm.name, key.keyid) == (case["algorithm"], case["keyid"]), case["file"]


@pytest.mark.parametrize("algorithm", OPENSSH)
@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "{} a comment with spaces\r\n",
        "# a comment\n\n{}\n",
        'command="/bin/a \\"b, c\\"",no-pty {}',
        'ann@example.com,*@acme.example namespaces="file,git" {} ann',
    ],
)
def test_a_line_of_openssh_is_read(algorithm: str, form: str) -> None:
    key = PublicKey.parse(form.format(line(algorithm)).encode(), algorithm=algorithm)
    assert key == key_for(algorithm)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{0}\n{1}\n", "several keys"),
        ("{0} user@host{1}", "several keys"),  # two files that were joined without a line end
        ('command="{1}" {0}', "several keys"),
        ("{0}\n-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "several keys"),
        ("{0}\nhello", "other lines"),
        ('command="{0}', "cannot be read"),
        ("x{0}", "cannot be read"),
        ("cert-authority {0}", "`cert-authority`"),
        ('ann cert-authority,namespaces="file" {0}', "`cert-authority`"),
        ('ann valid-before="20200101" {0}', "`valid-before`"),
        ('no-pty,EXPIRY-TIME="20200101" {0}', "`expiry-time`"),
        ("@revoked example.com {0}", "`@revoked`"),
    ],
)
def test_a_line_in_which_another_key_could_be_meant_or_that_limits_the_key_is_refused(text: str, message: str) -> None:
    error = refused(text.format(line(), line(ED25519)))
    assert error.code == "key-invalid"
    assert message in error.message


def test_the_mark_of_a_simulated_key_stays_in_json() -> None:
    key = open_signer("sim:a").public_key
    text = json.dumps({"scheme": key.algorithm.name, "keyval": {"public": key.to_pem()}})
    assert refused(text).code == "key-invalid"
    assert PublicKey.parse(text.replace("#", "\\u0023").encode()).simulated


def test_a_private_key_of_securesystemslib_is_refused() -> None:
    document = json.loads(keys.exported(key_for(ED25519), "sslib"))
    document["keyval"]["private"] = ""
    assert PublicKey.parse(json.dumps(document).encode()) == key_for(ED25519)
    document["keyval"]["private"] = "00" * 32
    assert "private key" in refused(json.dumps(document)).message


@pytest.mark.parametrize("end", ["\r", "\f", "\v", "\u0085", "\u2028"])
def test_a_comment_ends_where_it_does_for_ssh_keygen(end: str) -> None:
    assert refused(f"# a comment{end}{line()}\n").code == "key-invalid"


@pytest.mark.parametrize("text", ["ssh-" * 250_000, '"' + '\\"' * 250_000 + " {}", "ssh-a" + " " * 1_000_000])
def test_a_long_line_costs_no_more_than_its_length(text: str) -> None:
    began = time.process_time()
    assert refused(text.replace("{}", line())).code == "key-invalid"
    assert time.process_time() - began < 20


def blob(algorithm: str = P256) -> bytes:
    return b64decode(line(algorithm).split()[1])


BLOBS: dict[str, bytes] = {
    "a byte more": blob() + b"\0",
    "a byte less": blob()[:-1],
    "ed25519 of 31 bytes": openssh.string(b"ssh-ed25519") + openssh.string(bytes(31)),
    "ed25519 with a byte more": blob(ED25519) + b"\0",
    "a compressed point": openssh.string(b"ecdsa-sha2-nistp256")
    + openssh.string(b"nistp256")
    + openssh.string(b"\2" + bytes(32)),
    "a point that is not on the curve": openssh.string(b"ecdsa-sha2-nistp256")
    + openssh.string(b"nistp256")
    + openssh.string(b"\4" + b"\1" * 64),
    "another curve": blob().replace(b"\0\0\0\x08nistp256", b"\0\0\0\x08nistp384"),
    "a number with a zero too many": openssh.string(b"ssh-rsa")
    + openssh.string(b"\0\1\0\1")
    + openssh.string(b"\0" + b"\xc5" * 256),
    "a negative number": openssh.string(b"ssh-rsa") + openssh.string(b"\1\0\1") + openssh.string(b"\xc5" * 256),
    "an exponent of zero": openssh.string(b"ssh-rsa") + openssh.string(b"") + openssh.string(b"\0" + b"\xc5" * 256),
    "an exponent of one": openssh.string(b"ssh-rsa") + openssh.string(b"\1") + openssh.string(b"\0" + b"\xc5" * 256),
    "a number of a megabit": openssh.string(b"ssh-rsa") + openssh.string(b"\1\0\1") + openssh.string(b"\1" * (1 << 17)),
    "a length beyond the end": b"\0\0\0\x0bssh-ed25519\0\1\0\0",
}


@pytest.mark.parametrize("what", BLOBS)
def test_an_encoding_that_openssh_would_not_write_is_refused(what: str) -> None:
    data = BLOBS[what]
    kind = openssh.type_of(data)
    assert refused(f"{kind} {b64encode(data).decode()}").code == "key-invalid"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("ssh-ed25519", b64encode(blob()).decode()),
        ("ecdsa-sha2-nistp256", "AAAA"),
        ("ecdsa-sha2-nistp256", b64encode(blob()).decode().rstrip("=") + "!"),
        ("ecdsa-sha2-nistp256", b64encode(blob()).decode().replace("/", "_").replace("+", "-") + "-_=="),
    ],
)
def test_a_type_that_contradicts_the_key_and_what_is_no_base64_are_refused(kind: str, text: str) -> None:
    assert refused(f"{kind} {text}").code == "key-invalid"


@pytest.mark.parametrize("name", ["ssh-dss", "ecdsa-sha2-nistp521", "ssh-ed448", "ssh-rsa-cert-v01@openssh.com"])
def test_types_of_openssh_that_attest_does_not_support_are_named(name: str) -> None:
    data = openssh.string(name.encode()) + openssh.string(bytes(40))
    error = refused(f"{name} {b64encode(data).decode()}")
    assert error.code == "key-unsupported"
    assert name in error.message


def test_an_rsa_key_of_openssh_has_the_same_limits_as_any() -> None:
    for size, code in ((128, "key-too-weak"), (1024, "key-unsupported")):
        data = openssh.string(b"ssh-rsa") + openssh.string(b"\1\0\1") + openssh.string(b"\0" + b"\xc5" * size)
        assert refused(f"ssh-rsa {b64encode(data).decode()}").code == code


BEGIN, END = "---- BEGIN SSH2 PUBLIC KEY ----\n", "\n---- END SSH2 PUBLIC KEY ----\n"


def test_rfc_4716_is_read_with_headers_that_go_on_and_alone() -> None:
    text = line(RSA).split()[1]
    body = "\n".join(text[start : start + 70] for start in range(0, len(text), 70))
    header = 'Comment: "a comment \\\nthat goes on"\nx-a: b\n'
    assert PublicKey.parse(f"{BEGIN}{header}{body}{END}".encode()) == key_for(RSA)
    for wrong in (
        f"{BEGIN}{body}",
        f"hello\n{BEGIN}{body}{END}",
        f"{BEGIN}{body}{END}hello",
        f"{BEGIN}{body[1:]}{END}",
    ):
        assert refused(wrong).code == "key-invalid"
    assert "several" in refused(f"{BEGIN}{body}{END}" * 2).message
    private = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"
    assert "private key" in refused(private).message


def test_a_comment_is_no_key() -> None:
    for text in (f"# {BEGIN}", f"# {line()}", "# -----BEGIN PUBLIC KEY-----"):
        assert refused(text).code == "key-invalid"
    assert PublicKey.parse(f"# {line(ED25519)}\n# {BEGIN}{line()}".encode()) == key_for(P256)


def minisign(data: bytes = b"Ed" + b"12345678" + key_for(ED25519).spki[-32:]) -> str:
    return b64encode(data).decode()


def test_minisign_and_signify_keys_are_read() -> None:
    for text in (minisign(), f"untrusted comment: release\n{minisign()}\n"):
        assert PublicKey.parse(text.encode()) == key_for(ED25519)


@pytest.mark.parametrize(
    "text",
    [
        f"untrusted comment: two\n{minisign()}\n{minisign()}\n",
        f"{minisign()}\n{minisign()}\n",
        f"untrusted comment: a signature\n{minisign(b'Ed' + bytes(72))}\n",
        f"untrusted comment: a secret key\n{minisign(b'EdScB2' + bytes(152))}\n",
        f"untrusted comment: another algorithm\n{minisign(b'ED' + bytes(40))}\n",
        "untrusted comment: nothing\n",
        minisign(bytes(32)),
        minisign(bytes(42)),
    ],
)
def test_what_is_no_key_of_minisign_is_refused(text: str) -> None:
    assert refused(text).code == "key-invalid"


def jwk(algorithm: str = P256, **changed: Any) -> dict[str, Any]:
    """The JWK of a key; a member that is changed to None is left out."""
    made = {**json.loads(keys.exported(key_for(algorithm), "jwk")), **changed}
    return {name: value for name, value in made.items() if value is not None}


@pytest.mark.parametrize(("alg", "name"), JWK_ALGORITHMS.items())
def test_alg_pins_the_algorithm(alg: str, name: str) -> None:
    document = json.dumps(jwk(name, alg=alg)).encode()
    assert PublicKey.parse(document) == key_for(name)
    assert PublicKey.parse(document, algorithm=name).algorithm.name == name
    other = P256 if name != P256 else P384
    assert refused(document, other).code == "key-algorithm-mismatch"
    contradicting = json.dumps(jwk(name, alg="ES256" if name != P256 else "ES384"))
    assert refused(contradicting).code == "key-algorithm-mismatch"


@pytest.mark.parametrize("algorithm", [ED25519, P256, P384, RSA])
def test_without_alg_the_type_decides_and_a_set_has_one_key(algorithm: str) -> None:
    bare = jwk(algorithm, alg=None, use=None, kid=None)
    for document in (bare, {"keys": [bare]}, {**bare, "key_ops": ["verify", "sign"]}):
        assert PublicKey.parse(json.dumps(document).encode()) == key_for(algorithm)
    assert "one key" in refused(json.dumps({"keys": [bare, bare]})).message
    for listed in ({"keyid": "SHA256:x", "key": "AAAA"}, {"keyId": "SHA256:x", "publicKey": {"rawBytes": "AAAA"}}):
        error = refused(json.dumps({"keys": [listed, listed]}))
        assert ("npm" in error.message, "BEGIN PUBLIC KEY" in (error.hint or "")) == (True, True)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (jwk(d="AA"), "key-invalid"),
        (jwk("ml-dsa-44", priv="AA"), "key-invalid"),
        ({"kty": "oct", "k": "AAAA"}, "key-invalid"),
        ({"kty": "oct"}, "key-invalid"),
        (jwk(use="enc"), "key-invalid"),
        (jwk(key_ops=["sign"]), "key-invalid"),
        (jwk(key_ops="verify"), "key-invalid"),
        (jwk(alg="none"), "algorithm-unsupported"),
        (jwk(alg="ES256K"), "algorithm-unsupported"),
        (jwk(RSA, alg="RSA-OAEP"), "algorithm-unsupported"),
        (jwk(alg=["ES256"]), "key-invalid"),
        (jwk(crv={}), "key-invalid"),
        (jwk(crv="P-521"), "key-unsupported"),
        (jwk(kty="EX"), "key-unsupported"),
        (jwk(ED25519, crv="X25519"), "key-unsupported"),
        (jwk("ml-dsa-44", alg=None), "key-algorithm-mismatch"),
        (jwk("ml-dsa-44", alg="ML-DSA-65"), "key-invalid"),
        (jwk(x=None), "key-invalid"),
        (jwk(x=jwk()["x"] + "="), "key-invalid"),
        (jwk(x=jwk()["x"][:-2]), "key-invalid"),
        (jwk(x=jwk()["y"]), "key-invalid"),
        (jwk(x=5), "key-invalid"),
        (jwk(RSA, n="AA" + jwk(RSA)["n"]), "key-invalid"),
        (jwk(RSA, n="x" * 6000), "key-invalid"),
        (jwk(RSA, e="AQ"), "key-invalid"),
        ({"keys": []}, "key-invalid"),
        ({"keys": ["x"]}, "key-invalid"),
        ({"keys": [jwk()], "kty": "EC"}, "key-invalid"),
        ({**jwk(), "scheme": "ed25519", "keyval": {"public": "aa" * 32}}, "key-invalid"),
    ],
)
def test_a_jwk_that_is_private_or_contradicts_itself_is_refused(document: dict[str, Any], code: str) -> None:
    error = refused(json.dumps(document))
    assert error.code == code, error


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_the_same_in_every_format_that_it_has(algorithm: str) -> None:
    key = key_for(algorithm)
    forms = keys.forms_of(key)
    assert forms == (["pem", "jwk"] if algorithm.startswith("ml-dsa") else list(keys.KEY_FORMS))
    for form in forms:
        written = keys.exported(key, form)
        assert written.endswith("\n")
        pins = form in ("sslib", "jwk")
        assert PublicKey.parse(written.encode(), algorithm=None if pins else algorithm) == key
    for form in set(keys.KEY_FORMS) - set(forms):
        with pytest.raises(InputError, match=f"format {form} cannot hold") as caught:
            keys.exported(key, form)
        assert caught.value.code == "algorithm-unsupported"


@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if not name.startswith("ml-dsa")])
def test_other_programs_read_what_is_written(algorithm: str) -> None:
    key = key_for(algorithm)
    theirs: Any = load_der_public_key(key.spki)
    document = json.loads(keys.exported(key, "sslib"))
    assert SSlibKey.from_dict(keys.keyid_in(key, "sslib"), dict(document)) == SSlibKey.from_crypto(
        theirs, None, algorithm
    )
    assert keys.exported(key, "ssh").split() == line(algorithm).split()
    assert (
        jwt.PyJWK(json.loads(keys.exported(key, "jwk"))).key.public_numbers() == theirs.public_numbers()
        if (algorithm != ED25519)
        else jwt.PyJWK(json.loads(keys.exported(key, "jwk"))).key.public_bytes_raw() == theirs.public_bytes_raw()
    )


@pytest.mark.parametrize("algorithm", OPENSSH)
def test_ssh_keygen_prints_the_fingerprint_of_what_is_written(algorithm: str, tmp_path: Path) -> None:
    key = key_for(algorithm)
    path = tmp_path / "key.pub"
    path.write_text(keys.exported(key, "ssh"))
    ran = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True)
    assert ran.stdout.split()[1] == keys.keyid_in(key, "ssh")


def test_a_key_that_a_format_cannot_mark_or_pin_is_not_written() -> None:
    simulated = PublicKey(ALGORITHMS[ED25519], key_for(ED25519).spki, simulated=True)
    other = key_for(P384).with_digest("sha256")
    forms: list[KeyForm] = ["ssh", "sslib", "jwk"]
    for key, code in ((simulated, "simulated-key"), (other, "algorithm-unsupported")):
        assert keys.forms_of(key) == ["pem"]
        for form in forms:
            with pytest.raises(InputError) as caught:
                keys.exported(key, form)
            assert caught.value.code == code
    assert PublicKey.parse(keys.exported(simulated, "pem").encode()).simulated
    with pytest.raises(InputError, match="expected one of pem, ssh, sslib, jwk"):
        keys.exported(simulated, "der")  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["ssh", "jwk", "sslib", "minisign"])
def test_the_note_of_a_simulated_key_marks_it_in_every_format(form: Any) -> None:
    key = key_for(ED25519)
    text = f"untrusted comment: x\n{minisign()}" if form == "minisign" else keys.exported(key, form)
    marked = PublicKey.parse(b"# simulated key: anyone can sign with it\n" + text.encode())
    assert (marked.simulated, marked.spki) == (True, key.spki)

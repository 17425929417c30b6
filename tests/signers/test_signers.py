"""The conformance suite that every signer scheme must pass; it names none, and finds each with its specimens."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attest import PublicKey, SignerError, open_signer
from attest.errors import InputError, Rejected
from attest.keys import ALGORITHMS
from attest.signers import BaseSigner, SecretRequest, Secrets, SignerURI, generate_key, schemes
from tests.support import conformance
from tests.support.examples import few
from tests.support.watching import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = b"DSSEv1 what is signed"
CAPABILITIES = {"sign", "verify", "encrypt", "decrypt", "digest"}
FIXED_LENGTHS = {"ed25519": 64, "ml-dsa-44": 2420, "ml-dsa-65": 3309, "ml-dsa-87": 4627}
HASHES = {"sha256": SHA256(), "sha384": SHA384(), "sha512": SHA512()}


class Specimens(NamedTuple):
    """A scheme, what to try it with, what opens it, and the code of the error for a key that is not there.

    `some` of the URIs are for what takes long and has nothing to do with a digest: of a key that has several
    algorithms, one of each family.
    """

    scheme: str
    uris: list[str]
    some: list[str]
    missing: str
    secrets: Secrets
    missing_code: str


@pytest.fixture(scope="module", params=schemes())
def specimens(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Specimens]:
    folder = tmp_path_factory.mktemp(request.param)
    given = conformance.specimens_of(request.param)
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(given, "environment"):
            given.environment(patch)
        code = getattr(given, "MISSING", "key-not-found")
        uris = given.specimens(folder)
        yield Specimens(request.param, uris, _some(uris), given.missing(folder), given.secrets, code)


def _some(uris: list[str]) -> list[str]:
    chosen: dict[tuple[str, str | None], str] = {}
    for uri in uris:
        name = SignerURI.parse(uri).query.get("algorithm")
        chosen.setdefault((uri.partition("?")[0], name and ALGORITHMS[name].family), uri)
    return list(few(len(chosen), [*chosen.values(), *(uri for uri in uris if uri not in chosen.values())]))


@pytest.fixture(scope="module")
def signers(specimens: Specimens) -> Iterator[list[BaseSigner]]:
    opened = [open_signer(uri, secrets=specimens.secrets) for uri in specimens.uris]
    yield opened
    for signer in opened:
        signer.close()


def test_there_are_specimens_of_the_schemes_own_algorithms(specimens: Specimens, signers: list[BaseSigner]) -> None:
    assert signers
    assert {signer.public_key.algorithm.name for signer in signers} <= set(ALGORITHMS)
    assert all(signer.uri.scheme == specimens.scheme for signer in signers)


def test_opening_asks_for_nothing_and_the_first_use_does(specimens: Specimens) -> None:
    asked: list[str] = []

    def secrets(what: SecretRequest) -> str | None:
        asked.append(what)
        return specimens.secrets(what)

    opened = [open_signer(uri, secrets=secrets) for uri in [*specimens.some, specimens.missing]]
    assert asked == []
    assert all(str(signer.uri) in repr(signer) for signer in opened)
    for signer in opened[:-1]:
        signer.sign(DATA)
        times = len(asked)
        signer.sign(DATA)
        assert len(asked) == times, "the second use asks again"


def test_what_is_not_there_is_missed_at_the_first_use(specimens: Specimens) -> None:
    with open_signer(specimens.missing, secrets=specimens.secrets) as signer:
        with pytest.raises(SignerError) as at_key:
            _ = signer.public_key
        with pytest.raises(SignerError) as at_sign:
            signer.sign(DATA)
    assert at_key.value.code == at_sign.value.code == specimens.missing_code


def test_the_public_key_is_stable_and_the_same_for_every_opening(
    specimens: Specimens, signers: list[BaseSigner]
) -> None:
    for signer in signers:
        key = signer.public_key
        with open_signer(str(signer.uri), secrets=specimens.secrets) as other:
            assert other.public_key == signer.public_key == key
            assert other.public_key.keyid == key.keyid
        assert PublicKey.parse(key.to_pem().encode(), algorithm=key.algorithm.name) == key


def test_a_signature_is_the_keys_over_exactly_these_bytes(signers: list[BaseSigner]) -> None:
    for signer in signers:
        for data in (b"", DATA, bytes(100_000)):
            signature = signer.sign(data)
            assert signature.keyid == signer.public_key.keyid
            assert signer.public_key.accepts(signature.sig, data), signer
            assert not signer.public_key.accepts(signature.sig, data + b"\0"), signer


def test_a_signature_has_the_modern_form(signers: list[BaseSigner]) -> None:
    for signer in signers:
        key, sig = signer.public_key, signer.sign(DATA).sig
        if key.algorithm.name in FIXED_LENGTHS:
            assert len(sig) == FIXED_LENGTHS[key.algorithm.name]
        elif key.algorithm.family == "ecdsa":
            assert encode_dss_signature(*decode_dss_signature(sig)) == sig
        else:
            assert key.rsa_bits == len(sig) * 8
        if key.algorithm.family == "rsassa-pss":
            digest = HASHES[key.algorithm.digest]
            scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
            public = load_der_public_key(key.spki)
            assert isinstance(public, RSAPublicKey)
            public.verify(sig, DATA, scheme, digest)


def test_every_capability_is_kept_or_refused_by_name(signers: list[BaseSigner]) -> None:
    for signer in signers:
        assert {"sign"} <= signer.capabilities <= CAPABILITIES
        sig = signer.sign(DATA).sig
        arguments: dict[str, tuple[bytes, ...]] = {
            "verify": (sig, DATA),
            "encrypt": (DATA,),
            "decrypt": (DATA,),
            "digest": (DATA,),
        }
        for capability in arguments.keys() - signer.capabilities:
            with refused(SignerError, "capability-missing", str(signer.uri)):
                getattr(signer, capability)(*arguments[capability])


def test_a_signer_that_verifies_says_no_to_what_it_did_not_sign(signers: list[BaseSigner]) -> None:
    for signer in signers:
        if "verify" in signer.capabilities:
            signature = signer.sign(DATA).sig
            signer.verify(signature, DATA)
            for wrong in (b"", signature[:-1], signature[:-1] + bytes([signature[-1] ^ 1])):
                with refused(Rejected, "signature-invalid"):
                    signer.verify(wrong, DATA)


def test_a_signer_that_encrypts_notices_every_change(signers: list[BaseSigner]) -> None:
    for signer in signers:
        if {"encrypt", "decrypt"} <= signer.capabilities:
            sealed = signer.encrypt(DATA, b"beside")
            assert signer.decrypt(sealed, b"beside") == DATA
            for changed, beside in ((sealed[:-1] + bytes([sealed[-1] ^ 1]), b"beside"), (sealed, b"other")):
                with pytest.raises((SignerError, Rejected)):
                    signer.decrypt(changed, beside)


def test_a_signer_that_digests_says_what_hashlib_says(signers: list[BaseSigner]) -> None:
    for signer in signers:
        if "digest" in signer.capabilities:
            assert signer.digest(DATA) == hashlib.sha256(DATA).hexdigest()


def test_eight_threads_can_sign_at_once(specimens: Specimens) -> None:
    for uri in specimens.some:
        # Opened anew, so that the threads meet at the first use as well.
        with open_signer(uri, secrets=specimens.secrets) as signer, ThreadPoolExecutor(8) as pool:
            messages = [b"%d" % number for number in range(16)]
            signatures = list(pool.map(signer.sign, messages))
            assert all(
                signer.public_key.accepts(signature.sig, message)
                for signature, message in zip(signatures, messages, strict=True)
            ), uri


@pytest.mark.parametrize("demand", conformance.OF_EVERY_KEY)
def test_every_key_of_every_scheme(demand: conformance.Demand, specimens: Specimens) -> None:
    for uri in specimens.some:
        demand(uri, specimens.secrets)


@pytest.mark.parametrize("demand", conformance.OF_A_SCHEME)
def test_every_scheme(demand: conformance.Demand, specimens: Specimens) -> None:
    demand(specimens.uris[0], specimens.secrets)


def test_a_child_of_fork_signs_too(specimens: Specimens) -> None:
    command = [sys.executable, "-m", "tests.support.conformance", specimens.scheme, specimens.uris[0]]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr


def test_no_secret_shows_in_a_repr_or_a_traceback(specimens: Specimens) -> None:
    secret = "hunter2-hunter2"
    for uri in [*specimens.some, specimens.missing]:
        signer = open_signer(uri, secrets=lambda _: secret)
        said = ""
        try:
            signer.sign(DATA)
        except SignerError as error:
            said = repr(error) + "".join(traceback.format_exception(error))
        assert secret not in said + repr(signer) + str(signer) + repr(signer.uri)


def test_a_key_that_exists_is_never_made_anew(specimens: Specimens) -> None:
    for uri in specimens.some:
        with open_signer(uri, secrets=specimens.secrets) as signer:
            before = signer.public_key
        code = None
        try:
            generate_key(uri, before.algorithm)
        except (InputError, SignerError) as error:
            code = error.code
        # A URI that names a version of a key, or that the service chooses, can never be that of a new one.
        assert code in (None, "output-exists", "key-exists", "capability-missing", "signer-uri-invalid")
        with open_signer(uri, secrets=specimens.secrets) as signer:
            assert signer.public_key == before


@pytest.mark.parametrize(
    "uri", ["", "nothing", ":x", "1a:x", "zz-unknown:", "zz:x?", "zz:x?a", "zz:x?=1", "zz:x?a=%zz"]
)
def test_what_is_not_a_uri_is_refused(uri: str) -> None:
    with pytest.raises(SignerError) as caught:
        open_signer(uri)
    assert caught.value.code in ("signer-uri-invalid", "signer-scheme-unknown")


@pytest.mark.parametrize("scheme", ["zz", "os", "_software", "..", "file.x", "file-x"])
def test_a_scheme_without_a_signer_is_unknown_and_never_a_path(scheme: str) -> None:
    with pytest.raises(SignerError) as caught:
        open_signer(f"{scheme}:x")
    assert caught.value.code in ("signer-uri-invalid", "signer-scheme-unknown")
    assert caught.value.hint

"""Trusted roots: those that Sigstore and GitHub publish are read whole, and whatever cannot be read is an error."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest import InputError
from attest._base.json import MISSING, at, b64encode, steps
from attest.certificates.trusted_root import TrustedRoot
from tests.support.examples import examples
from tests.support.making.identity_cases import DATA, text
from tests.support.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = "trusted-root-invalid"
ROOTS = ("public-good", "public-good-2024-github-tsa", "staging", "github", "conformance-custom")
GOOD = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"


def root(name: str = "public-good") -> dict[str, Any]:
    if not DATA.is_dir():
        missing("the published trusted roots in shared/data/identity")
    return dict(json.loads(text(f"roots/{name}.json")))


def refusal(document: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        TrustedRoot.read(document)
    assert caught.value.code == CODE
    assert (caught.value.where or "").startswith("/")
    return caught.value


@pytest.mark.parametrize("name", ROOTS)
def test_a_published_root_is_read_whole(name: str) -> None:
    document = root(name)
    read = TrustedRoot.read(document)
    parts = (read.certificate_authorities, read.logs, read.ct_logs, read.timestamp_authorities)
    names = ("certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities")
    assert [len(part) for part in parts] == [len(document.get(name, [])) for name in names]
    for ca, entry in zip(read.certificate_authorities, document["certificateAuthorities"], strict=True):
        assert len(ca.certificates) == len(entry["certChain"]["certificates"])
        assert ca.certificates[-1].subject == ca.certificates[-1].issuer
        assert (ca.not_after is None) is ("end" not in entry["validFor"])
    assert all(log.base_url.endswith(log.name) for log in (*read.logs, *read.ct_logs))


def test_algorithms_of_all_logs() -> None:
    staging = TrustedRoot.read(root("staging"))
    assert [log.public_key.algorithm.name for log in staging.ct_logs[:2]] == [
        "rsa-pkcs1v15-sha256",
        "ecdsa-sha2-nistp256",
    ]
    assert {log.public_key.algorithm.name for log in staging.logs} == {"ecdsa-sha2-nistp256", "ed25519"}


def test_media_types_are_those_of_the_specification() -> None:
    for good in (GOOD, *(f"application/vnd.dev.sigstore.trustedroot.v0.{number}+json" for number in (1, 2))):
        assert TrustedRoot.read({"mediaType": good}) == TrustedRoot((), (), (), ())
    for bad in (
        None,
        "",
        1,
        GOOD + " ",
        GOOD.replace("0.1", "0.9"),
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
    ):
        assert refusal({"mediaType": bad}).where == "/mediaType"
    nothing: list[Any] = [{}, [], None, "x"]
    for document in nothing:
        refusal(document)


def changed(pointer: str, value: Any, name: str = "public-good") -> dict[str, Any]:
    document = root(name)
    *way, last = steps(pointer)
    place = at(document, *way)
    if value is MISSING:
        del place[last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return document


@pytest.mark.parametrize(
    ("pointer", "value", "where"),
    [
        ("/tlogs/0/publicKey/keyDetails", "PKIX_ECDSA_P521_SHA_512", "/tlogs/0/publicKey/keyDetails"),
        ("/tlogs/0/publicKey/keyDetails", 5, "/tlogs/0/publicKey/keyDetails"),
        ("/tlogs/0/publicKey/keyDetails", "PKIX_ED25519", "/tlogs/0/publicKey/rawBytes"),
        ("/tlogs/0/publicKey/rawBytes", "AAAA", "/tlogs/0/publicKey/rawBytes"),
        ("/tlogs/0/publicKey/validFor/start", "2021", "/tlogs/0/publicKey/validFor/start"),
        ("/tlogs/0/publicKey/validFor/end", "2020-01-01T00:00:00Z", "/tlogs/0/publicKey/validFor/end"),
        ("/tlogs/0/publicKey/validFor", [], "/tlogs/0/publicKey/validFor"),
        ("/tlogs/0/hashAlgorithm", "SHA2_512", "/tlogs/0/hashAlgorithm"),
        ("/tlogs/0/hashAlgorithm", MISSING, "/tlogs/0/hashAlgorithm"),
        ("/tlogs/0/baseUrl", MISSING, "/tlogs/0/baseUrl"),
        ("/tlogs/0/logId", MISSING, "/tlogs/0/logId"),
        ("/tlogs/0/logId/keyId", "AAA=", "/tlogs/0/logId"),
        ("/tlogs/0/logId/keyId", b64encode(bytes(33)), "/tlogs/0/logId/keyId"),
        ("/tlogs/0/checkpointKeyId", {}, "/tlogs/0/checkpointKeyId/keyId"),
        ("/tlogs/0/public_key", {}, "/tlogs/0/publicKey"),
        ("/tlogs/1", None, "/tlogs/1"),
        ("/ctlogs", {}, "/ctlogs"),
        ("/certificateAuthorities/0/certChain", MISSING, "/certificateAuthorities/0/certChain"),
        ("/certificateAuthorities/0/certChain/certificates", [], "/certificateAuthorities/0/certChain/certificates"),
        (
            "/certificateAuthorities/1/certChain/certificates/0/rawBytes",
            "AAAA",
            "/certificateAuthorities/1/certChain/certificates/0/rawBytes",
        ),
        ("/timestampAuthorities/0/certChain/certificates/1", MISSING, "/timestampAuthorities/0/certChain"),
    ],
)
def test_an_error_names_its_place(pointer: str, value: Any, where: str) -> None:
    document = root()
    if pointer.endswith("/certificates/1"):
        del document["timestampAuthorities"][0]["certChain"]["certificates"][1]
    else:
        document = changed(pointer, value)
    assert refusal(document).where == where


def test_logs_with_one_key_id_are_ambiguous_and_lists_are_limited() -> None:
    document = root()
    document["tlogs"].append(document["tlogs"][0])
    assert refusal(document).where == "/tlogs/2/logId"
    document["tlogs"] = document["tlogs"][:1] * 65
    assert refusal(document).where == "/tlogs"


def test_a_log_may_sign_checkpoints_under_another_key_id_and_a_window_may_be_open() -> None:
    document = root()
    document["tlogs"][0]["checkpointKeyId"] = {"keyId": b64encode(b"1234")}
    del document["tlogs"][0]["publicKey"]["validFor"]
    del document["timestampAuthorities"][0]["uri"]
    read = TrustedRoot.read(document)
    assert read.logs[0].checkpoint_key_id == b"1234"
    assert (read.logs[0].not_before, read.logs[0].not_after) == (None, None)
    assert read.timestamp_authorities[0].name == "sigstore-tsa-selfsigned"
    assert read.logs[1].checkpoint_key_id == read.logs[1].key_id[:4]


def pointers(value: Any, path: str = "") -> Iterator[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield f"{path}/{key}"
        yield from pointers(item, f"{path}/{key}")


strange: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([]) | st.just({}) | st.just([None])
)


@given(st.data())
@examples(200)
def test_any_value_anywhere_is_read_or_an_input_error(data: st.DataObject) -> None:
    document: dict[str, Any] = deepcopy(root(data.draw(st.sampled_from(ROOTS))))
    pointer = data.draw(st.sampled_from(list(pointers(document))))
    *way, last = steps(pointer)
    place = at(document, *way)
    place[int(last) if isinstance(place, list) else last] = data.draw(strange)
    with suppress(InputError):
        TrustedRoot.read(document)

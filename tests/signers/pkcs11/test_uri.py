"""PKCS#11 URIs: RFC 7512 as far as it is used here, and everything else refused with a reason."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import attest
from attest.signers.pkcs11 import settings
from attest.signers.pkcs11.uri import Pkcs11URI, percent_encode, quoted, shown
from tests.support.reading.pages import DOCS

# RFC 7512 section 3, those that name what attest can use: the text, and what it means.
RFC_EXAMPLES: list[tuple[str, dict[str, Any]]] = [
    ("pkcs11:", {}),
    ("pkcs11:object=my-pubkey;type=public", {"object": "my-pubkey", "type": "public"}),
    (
        "pkcs11:object=my-key;type=private?pin-source=file:/etc/token",
        {"object": "my-key", "type": "private", "query": {"pin-source": "file:/etc/token"}, "pin_file": "/etc/token"},
    ),
    (
        "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
        "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=?pin-source=file:/etc/token_pin",
        {
            "token": {
                "token": "The Software PKCS#11 Softtoken",
                "manufacturer": "Snake Oil, Inc.",
                "model": "1.0",
                "serial": "",
            },
            "object": "my-certificate",
            "type": "cert",
            "id": bytes.fromhex("69953e5cf4bdec91"),
            "pin_file": "/etc/token_pin",
        },
    ),
    (
        "pkcs11:object=my-sign-key;type=private?module-name=mypkcs11",
        {"object": "my-sign-key", "query": {"module-name": "mypkcs11"}},
    ),
    (
        "pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1",
        {"query": {"module-path": "/mnt/libmypkcs11.so.1"}},
    ),
    (
        "pkcs11:token=My%20token%25%20created%20by%20Joe;id=%01%02%03%Ba%dd%Ca%fe%04%05%06",
        {"token": {"token": "My token% created by Joe"}, "id": bytes.fromhex("010203baddcafe040506")},
    ),
    (
        "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert",
        {"token": {"token": "A name with a substring %;"}},
    ),
    (
        "pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;object=my-certificate;type=cert",
        {"token": {"token": "Name with a small A with acute: á"}},
    ),
]


def refused(text: str) -> attest.SignerError:
    with pytest.raises(attest.SignerError) as caught:
        Pkcs11URI.parse(text)
    assert caught.value.code == "signer-uri-invalid"
    return caught.value


@pytest.mark.parametrize(("text", "meaning"), RFC_EXAMPLES)
def test_the_examples_of_the_rfc_mean_what_it_says(text: str, meaning: dict[str, Any]) -> None:
    uri = Pkcs11URI.parse(text)
    assert {name: getattr(uri, name) for name in meaning} == meaning
    assert str(uri) == text


@pytest.mark.parametrize(
    ("text", "name", "hint"),
    [
        ("pkcs11:token=my-token;object=a;type=cert;vendor-aaa=value-a", "vendor-aaa", "object"),
        ("pkcs11:token=my-token?vendor-bbb=value-b", "vendor-bbb", "pin-source"),
        ("pkcs11:token=a;x-algorithm=ed25519", "x-algorithm", "token"),
        ("pkcs11:token=a;x-vendor=1", "x-vendor", "token"),
        ("pkcs11:token=a?x-algoritm=ed25519", "x-algoritm", "x-algorithm"),
        ("pkcs11:token=a?x-module-enw=A=b", "x-module-enw", "x-module-env"),
        ("pkcs11:token=a?object=b", "object", "module-path"),
        ("pkcs11:Token=a", "Token", "token"),
        ("pkcs11:to%6Ben=a", "to%6Ben", "token"),
    ],
)
def test_an_attribute_that_is_not_used_is_named_with_what_is(text: str, name: str, hint: str) -> None:
    error = refused(text)
    assert name in error.message
    assert hint in str(error.hint)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file:token=a", "does not begin with pkcs11:"),
        ("pkcs11", "does not begin with pkcs11:"),
        ("", "does not begin with pkcs11:"),
        ("pkcs11:token", "expected NAME=VALUE, found 'token'"),
        ("pkcs11:=a", "expected NAME=VALUE, found '=a'"),
        ("pkcs11:token=a;", "expected NAME=VALUE, found ''"),
        ("pkcs11:token=a;;object=b", "expected NAME=VALUE, found ''"),
        ("pkcs11:token=a?module-name=b&", "expected NAME=VALUE, found ''"),
        ("pkcs11:object=a;object=b", "object is given twice"),
        ("pkcs11:object=a;object=a", "object is given twice"),
        ("pkcs11:token=a?timeout=1&timeout=1", "timeout is given twice"),
        ("pkcs11:token=a;type=key", "for type, found 'key'"),
        ("pkcs11:token=a;type=", "for type, found ''"),
        ("pkcs11:slot-id=0x10", "expected a number for slot-id, found '0x10'"),
        ("pkcs11:slot-id=-1", "expected a number for slot-id, found '-1'"),
        ("pkcs11:slot-id=%C2%B2", "expected a number for slot-id, found '²'"),
        ("pkcs11:slot-id=", "expected a number for slot-id, found ''"),
        ("pkcs11:type=%FF", "for type, found '\\xff'"),
        ("pkcs11:library-version=a", "expected MAJOR.MINOR for library-version, found 'a'"),
        ("pkcs11:library-version=2.6.1", "expected MAJOR.MINOR for library-version"),
        ("pkcs11:token=a?module-path=/%FF", "the value of module-path is not UTF-8"),
    ],
)
def test_what_is_not_understood_is_an_error(text: str, says: str) -> None:
    assert says in refused(text).message


@pytest.mark.parametrize(
    "value", ["%", "%4", "%zz", "a%4x", "%%41", "%٤١", 'a"b', "a b", "a\n", "a#b", "á", "a<b>", "a\\b"]
)
@pytest.mark.parametrize("text", ["pkcs11:token={}", "pkcs11:id={}", "pkcs11:token=a?module-path=/{}"])
def test_a_value_that_is_not_percent_encoded_is_an_error_with_a_hint(text: str, value: str) -> None:
    error = refused(text.format(value))
    assert "is not percent-encoded" in error.message
    assert "%25" in str(error.hint)


def test_a_semicolon_in_the_query_is_not_a_separator() -> None:
    assert "%3B" in str(refused("pkcs11:token=a?module-name=b;timeout=1").hint)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a+b", "a+b"),
        ("a%2Bb", "a+b"),
        ("a%20b", "a b"),
        ("a%2520b", "a%20b"),
        ("a&b=c", "a&b=c"),
        ("a=b", "a=b"),
        ("[:@!$'()*+,=/|]", "[:@!$'()*+,=/|]"),
        ("%3b%3B", ";;"),
        ("%00", "\0"),
    ],
)
def test_percent_encoding_is_the_only_encoding(written: str, meant: str) -> None:
    assert Pkcs11URI.parse(f"pkcs11:object={written}").object == meant


@pytest.mark.parametrize("written", ["pkcs11:token=a", "PKCS11:token=a", "Pkcs11:token=a?"])
def test_the_case_of_the_scheme_does_not_matter(written: str) -> None:
    assert Pkcs11URI.parse(written).token == {"token": "a"}


def test_an_id_is_bytes_and_not_text() -> None:
    assert Pkcs11URI.parse("pkcs11:id=%FF%00%0a").id == b"\xff\x00\n"
    assert Pkcs11URI.parse("pkcs11:id=key+1").id == b"key+1"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("pkcs11:token=t", ""),
        ("pkcs11:object=a%20b", "object='a b'"),
        ("pkcs11:id=%01%FF", "id=01ff"),
        ("pkcs11:object=a;id=%01", "object='a' id=01"),
    ],
)
def test_the_key_that_is_asked_for_is_told_in_words(uri: str, words: str) -> None:
    assert Pkcs11URI.parse(uri).describe_object() == words


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("file:/run/pin", "/run/pin"),
        ("file:///run/pin", "/run/pin"),
        ("file://localhost/run/pin", "/run/pin"),
        ("file:pin", "pin"),
        ("/run/pin", "/run/pin"),
        ("file:/run/the%20pin+1", "/run/the pin+1"),
        ("file:/run/%7Cpin", "/run/|pin"),
    ],
)
def test_a_pin_source_and_a_public_key_are_files(source: str, path: str) -> None:
    assert Pkcs11URI.parse(f"pkcs11:token=a?pin-source={source}").pin_file == path
    assert Pkcs11URI.parse(f"pkcs11:token=a?public-key={source}").public_key_file == path


@pytest.mark.parametrize(
    "source", ["|cat%20/run/pin", "%7Ccat", "pin", "", "env:PIN", "http://example.org/pin", "FILE:/a"]
)
@pytest.mark.parametrize("name", ["pin-source", "public-key"])
def test_no_other_file_is_taken(name: str, source: str) -> None:
    error = refused(f"pkcs11:token=a?{name}={source}")
    assert name in error.message
    assert f"{name}=file:PATH" in str(error.hint)


@pytest.mark.parametrize(
    "source", ["file://host/run/pin", "file://localhostx/run/pin", "file:", "file://", "file://localhost"]
)
@pytest.mark.parametrize("name", ["pin-source", "public-key"])
def test_a_file_on_another_host_or_without_a_path_is_refused(name: str, source: str) -> None:
    assert name in refused(f"pkcs11:token=a?{name}={source}").message


def test_a_command_is_refused_in_so_many_words() -> None:
    assert refused("pkcs11:token=a?pin-source=|cat").message == "pin-source cannot be a command"


@pytest.mark.parametrize(
    "text",
    [
        "pkcs11:token=a?pin-value={}",
        "pkcs11:token=a?module-name=b&pin-value={}&timeout=1",
        "pkcs11:pin-value={};token=a",
        "pkcs11:token=a?pin-value={};rest=1",
        "pkcs11:token=a;token=b?pin-value={}",
        "pkcs11:token=%zz?pin-value={}",
        "pkcs11:token=a?PIN-VALUE={}",
        "pkcs11:token=a?pin%2Dvalue={}",
        "pkcs11:token=a?pin-value=x;{}",
        "pkcs11:token=a?pin-value=%00{}",
        "pkcs11:token=a?failover=pkcs11:token=b%3Fpin-value={}",
        "pkcs11:token=a?failover=pkcs11:token=b%3Fpin-value%3D{}",
        "pkcs11:token=a?failover=pkcs11:token=b%3Fpin-value%3D{}&key-policy=no",
        "pkcs11:?pin-value={}",
        "pkcs11:token=a?pin-value={}%zz",
        "pkcs11:token=a?pin-value={0}&pin-value={0}",
        "pkcs11:token=a?module-name&pin-value={}",
        "pkcs11:token=a?timeout=%zz&pin-value={}",
    ],
)
def test_a_pin_in_a_uri_is_refused_and_never_comes_back(text: str) -> None:
    with pytest.raises(attest.SignerError) as caught:
        attest.open_signer(text.format("735519"))
    error = caught.value
    assert error.code == "signer-uri-invalid"
    assert "735519" not in f"{error} {error!r} {error.message} {error.where} {error.hint} {vars(error)}"


def test_a_refused_pin_comes_with_what_to_do_instead() -> None:
    error = refused("pkcs11:token=a?pin-value=1234")
    assert "pin-source=file:PATH" in str(error.hint)
    assert error.where == "pkcs11:token=a?pin-value=..."


@given(token=st.text(st.characters(codec="utf-8")), label=st.text(st.characters(codec="utf-8")), identifier=st.binary())
def test_whatever_is_percent_encoded_comes_back(token: str, label: str, identifier: bytes) -> None:
    uri = Pkcs11URI.parse(
        f"pkcs11:token={percent_encode(token)};object={percent_encode(label)};id={percent_encode(identifier)}"
        f"?module-path={percent_encode(label)}"
    )
    assert (uri.token["token"], uri.object, uri.id) == (token, label, identifier)
    assert uri.query["module-path"] == label


@given(st.text())
def test_any_text_is_a_uri_or_an_error_with_a_code(text: str) -> None:
    try:
        outcome = Pkcs11URI.parse(f"pkcs11:{text}").text
    except attest.SignerError as error:
        outcome = error.code
    assert outcome in (f"pkcs11:{text}", "signer-uri-invalid")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("timeout=soon", "for timeout, found 'soon'"),
        ("timeout=nan", "for timeout, found 'nan'"),
        ("timeout=0", "expected a number from 0.05 to 600 for timeout, found '0'"),
        ("pool-size=0", "expected a number from 1 to 1024 for pool-size"),
        ("pool-size=9999", "for pool-size, found '9999'"),
        ("prefer=last", "expected one of first, fastest, round-robin for prefer, found 'last'"),
        ("key-policy=lax", "expected one of strict, standard, off for key-policy, found 'lax'"),
        ("x-algorithm=rot13", "unknown algorithm x-algorithm=rot13"),
        ("module-path=/a.so&module-name=a", "cannot be used together"),
        ("x-init-args=a", "x-init-args requires module-path or module-name"),
        ("x-module-env=A", "expected x-module-env=NAME=VALUE, found 'A'"),
        ("x-module-env=LD_PRELOAD=/a.so", "expected x-module-env=NAME=VALUE"),
        ("x-module-env=PYTHONPATH=/a", "expected x-module-env=NAME=VALUE"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_before_anything_is_loaded(query: str, says: str) -> None:
    with pytest.raises(attest.SignerError) as caught:
        attest.open_signer(f"pkcs11:token=a?{query}")
    assert caught.value.code == "signer-uri-invalid"
    assert says in caught.value.message


def test_a_type_that_cannot_sign_is_refused() -> None:
    with pytest.raises(attest.SignerError) as caught:
        attest.open_signer("pkcs11:token=a;type=data")
    assert caught.value.code == "signer-uri-invalid"
    assert "type=data cannot sign" in caught.value.message


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("pkcs11:slot-description=Sun%20Metaslot", {"slot-description": "Sun Metaslot"}),
        ("pkcs11:slot-manufacturer=Sun", {"slot-manufacturer": "Sun"}),
        ("pkcs11:library-manufacturer=Snake%20Oil,%20Inc.", {"library-manufacturer": "Snake Oil, Inc."}),
        ("pkcs11:token=a;library-version=3", {"token": "a", "library-version": "3"}),
    ],
)
def test_the_module_and_the_slot_are_named_as_the_token_is(text: str, token: dict[str, str]) -> None:
    assert Pkcs11URI.parse(text).token == token


def test_a_vendors_attribute_in_the_query_is_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    uri = "pkcs11:token=a?x-vendor-colour=%FF&module-path=/a.so"
    assert Pkcs11URI.parse(uri).ignored == ("x-vendor-colour",)
    attest.open_signer(uri.replace("%FF", "red")).close()
    assert [record.levelname for record in caplog.records if "'x-vendor-colour' is ignored" in record.message] == [
        "WARNING"
    ]


@pytest.mark.parametrize("name", ["token", "object", "serial"])
def test_bytes_that_are_not_utf8_are_kept_and_shown_as_escapes(name: str) -> None:
    uri = Pkcs11URI.parse(f"pkcs11:{name}=Schl%FCssel%5C%0A")
    text = uri.object if name == "object" else uri.token[name]
    assert text is not None
    assert text.encode(errors="surrogateescape") == b"Schl\xfcssel\\\n"
    assert percent_encode(text) == "Schl%FCssel%5C%0A"
    assert quoted(text) == r"'Schl\xfcssel\\\n'"
    assert shown(text).isascii()


def test_the_uris_of_the_page_about_each_token_are_right() -> None:
    found = re.findall(r"^\| URI \| `(.*)` \|$", (DOCS / "sign" / "hsm-tokens.md").read_text(), re.MULTILINE)
    assert len(found) >= 8
    for text in found:
        settings.check(Pkcs11URI.parse(text))

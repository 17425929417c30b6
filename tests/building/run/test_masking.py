"""Secrets are masked wherever they stand, nothing else is, and the time for it grows with the text and no faster."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from importlib import import_module
from json import dumps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest

from attest.building.run import masking
from attest.building.run.masking import Masker

if TYPE_CHECKING:
    from pathlib import Path

# How the standard library reads a pattern, which it has no public name for.
constants: Any = import_module("re._constants")
parser: Any = import_module("re._parser")

VALUE = 'S3cret/wo+rd "ü" 99'
NAMED = "***($API_TOKEN)"


def masked(document: Any, environment: dict[str, str] | None = None) -> Any:
    return Masker(environment or {}).document(document)


@pytest.mark.parametrize("before", ["", "u:", "user:", "a-user:"])
def test_the_value_of_a_secret_variable_is_masked_however_it_is_written(before: str) -> None:
    text = f"{before}{VALUE}:after"
    spelt = [text, quote(text, safe=""), quote(text), quote_plus(text), dumps(text)]
    spelt += [encode(text.encode()).decode() for encode in (b64encode, urlsafe_b64encode)]
    for form in spelt:
        masker = Masker({"API_TOKEN": f" {VALUE}\n", "OTHER": "x"})
        said = masker.document({"deep": [{"text": f"<{form}>"}]})["deep"][0]["text"]
        assert NAMED in said
        assert list(masker.found) == ["the value of $API_TOKEN"]
        # Of base64, at most the characters stay that the neighbours had a part in.
        assert len(said) - len(NAMED) <= len(form) - len(VALUE) + 6


def test_the_longest_secret_goes_first_and_names_of_fields_stay() -> None:
    environment = {"A_KEY": "abcdefgh", "B_KEY": "abcdefghijkl"}
    assert masked({"abcdefgh": "abcdefghijkl, abcdefgh"}, environment) == {"abcdefgh": "***($B_KEY), ***($A_KEY)"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHORT_TOKEN", "1234567"),
        ("DEBUG_KEYS", "true"),
        ("CC", "a-long-and-public-name"),
        ("TOKEN_FILE", "a-file-of-tokens"),
        ("PASSWORD_URL", "https://example.com"),
        ("SSH_AUTH_SOCK", "/no/such/agent.sock"),
        ("BUILDKITE_STEP_KEY", "build-linux"),
        ("PWD", "/home/somebody"),
    ],
)
def test_what_is_short_or_no_secret_is_left_alone(name: str, value: str) -> None:
    assert masked(f"<{value}>", {name: value}) == f"<{value}>"


def test_the_path_of_a_secret_is_no_secret_where_there_is_such_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "credentials")
    assert masked(path, {"CREDENTIALS": path}) == "***($CREDENTIALS)"
    (tmp_path / "credentials").touch()
    assert masked(path, {"CREDENTIALS": path}) == path


def test_a_variable_that_is_said_to_be_public_is_not_masked() -> None:
    assert Masker({"CACHE_KEY": "linux-x86-64"}, ["CACHE_KEY"]).document("linux-x86-64") == "linux-x86-64"


A = "aB3" * 20
HEX = "0a1b2c3d" * 8


@pytest.mark.parametrize(
    "secret",
    [
        *(f"{begin}{A}" for begin in "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_11 glpat- gldt- glrt- npm_ pypi-AgE".split()),
        *(
            f"{begin}{A}"
            for begin in "sk_live_ rk_test_ whsec_ AIza ya29. GOCSPX- hvs. hvb. dckr_pat_ xoxb- xapp-".split()
        ),
        *(
            f"{begin}{A}"
            for begin in "sk- sk-ant-api03- sk-proj- SG.aaaaaaaaaaaaaaaaaaaaaa. hf_ ATATT3 CCIPAT_ glsa_".split()
        ),
        *(f"{begin}{HEX}" for begin in "dop_v1_ shpat_ rubygems_ dapi".split()),
        f"s.{A[:24]}",
        f"cio{A[:32]}",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        f"AGE-SECRET-KEY-1{'Q' * 58}",
        "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.abc",
        f"eyJhbGciOiJub25lIn0.{A}.",
    ],
)
def test_a_well_known_form_is_masked_to_its_end_wherever_it_stands(secret: str) -> None:
    for before, after in [
        ("", ""),
        ("x=", ""),
        ("'", "'"),
        ("a_", " b"),
        ("https://x.example/?t=", "&b=1"),
        ("a:", ",b"),
    ]:
        said = masked(f"{before}{secret}{after}")
        assert said.startswith(f"{before}***(")
        assert said.endswith(f"){after}")
        assert secret[-12:] not in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("git clone https://u:pw@h/x", "git clone https://***(password-in-a-URL)@h/x"),
        ("postgres://:pw@h/db", "postgres://***(password-in-a-URL)@h/db"),
        (f"https://{HEX}@example.com/a", "https://***(password-in-a-URL)@example.com/a"),
        ("curl -H 'Authorization: Bearer abc/def'", "curl -H 'Authorization: ***(Authorization)'"),
        ("curl -H 'authorization: Basic dTpw'", "curl -H 'authorization: ***(authorization)'"),
        ("Bearer abcdefghijklmnop1", "Bearer ***(bearer-token)"),
        ("curl -H 'PRIVATE-TOKEN: abcdef'", "curl -H 'PRIVATE-TOKEN: ***(PRIVATE-TOKEN)'"),
        ("Server=x;Password=hunter2;User=y", "Server=x;Password=***(Password);User=y"),
        ("Server=x;Pwd=hunter2", "Server=x;Pwd=***(Pwd)"),
        ("AccountName=x;AccountKey=abcdef==", "AccountName=x;AccountKey=***(AccountKey)"),
        ("https://h/?a=b&access_token=abcd&c=d", "https://h/?a=b&access_token=***(access_token)&c=d"),
        ("https://h/?X-Amz-Signature=abcd", "https://h/?X-Amz-Signature=***(X-Amz-Signature)"),
        ("https://h/?se=1&sig=ab%2Bcd", "https://h/?se=1&sig=***(sig)"),
        ('{"password": "hunter2", "a": 1}', '{"password": "***(password)", "a": 1}'),
        ('{\\"password\\":\\"hunter2\\"}', '{\\"password\\":\\"***(password)\\"}'),
        ("tool --password hunter2 --pin 1234 x", "tool --password ***(password) --pin ***(pin) x"),
        ("//registry.example.com/:_authToken=abcd", "//registry.example.com/:_authToken=***(_authToken)"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=***(PGPASSWORD) psql"),
        ("a -----BEGIN EC PRIVATE KEY-----\nx\n-----END EC PRIVATE KEY-----\nb", "a ***(private-key)\nb"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx", "***(private-key)"),
        ("file:///tmp/password%3Dhunter2%20a/b%20c", "file:///tmp/password%3D***(password)%20a/b%20c"),
        (["tool", "--token", "x", "--pin", "1"], ["tool", "--token", "***(token)", "--pin", "***(pin)"]),
    ],
)
def test_what_stands_where_secrets_stand_is_masked(text: Any, said: Any) -> None:
    assert masked(text) == said
    assert masked(said) == said


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:acme/app.git",
        "collect2 -plugin-opt=-pass-through=-lgcc_s",
        "ssh://git@github.com/acme/app",
        "https://acme@dev.azure.com/acme/_git/app",
        "redis://cache:6379/0",
        "https://$USER:$TOKEN@example.com and https://u:${TOKEN}@h",
        "token=$TOKEN --token ${TOKEN} password: {{ password }} --password %PASSWORD%",
        "Authorization: Bearer $TOKEN",
        "docker login --password-stdin registry.example.com",
        "pkcs11:object=key1;token=release?module-path=/m.so&pin-source=file:/run/pin",
        "pkcs11:token=release;object=key1",
        "sort --key=2 --author=me --keyring x",
        "permissions: id-token: write",
        "env PWD=/home/me make",
        "--max_tokens=4096 --token-url=https://example.com/token",
        "eyJhIjoxfQ",
        "sk-learn-is-no-key-of-anybody",
        "bearer authentication and basic authentication",
        "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----",
        "a" * 5000 + "...",
        f"sha256:{HEX}",
        ["tool", "--token", "-x", "--token"],
    ],
)
def test_what_only_looks_a_bit_like_a_secret_stays(text: Any) -> None:
    masker = Masker({})
    assert masker.document(text) == text
    assert not masker.found


@pytest.mark.parametrize("end", [VALUE[:5], VALUE[:-1], "ghp_abc", "eyJhbGci"])
def test_half_a_secret_at_the_end_of_a_text_that_was_cut_is_masked(end: str) -> None:
    said = masked(f"{'x' * 4000} {end}...", {"API_TOKEN": VALUE})
    assert said.startswith(f"{'x' * 4000} ***(")
    assert said.endswith(")...")


def test_a_long_header_of_a_json_web_token_is_masked_too() -> None:
    assert masked(f"t=eyJ{A * 10}.{A}.{A}&b") == "t=***(JSON-Web-Token)&b"


def test_numbers_and_the_like_are_copied() -> None:
    document: Any = {"a": [1, 1.5, True, None, {"b": []}], "c": {}}
    assert masked(document, {"TOKEN": "12345678"}) == document


def widths(pattern: Any) -> int:
    """The most characters that a pattern can look at from one place."""
    total = 0
    for kind, argument in pattern:
        if kind in (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT):
            _, most, inner = argument
            assert most is not constants.MAXREPEAT, "a repetition without an end"
            total += most * widths(inner)
        elif kind is constants.SUBPATTERN:
            total += widths(argument[-1])
        elif kind is constants.BRANCH:
            total += max(widths(branch) for branch in argument[1])
        elif kind in (constants.ASSERT, constants.ASSERT_NOT):
            total += widths(argument[1])
        elif kind is constants.ATOMIC_GROUP:
            total += widths(argument)
        elif kind is not constants.AT:
            total += 1
    return total


@pytest.mark.parametrize("pattern", masking.PATTERNS, ids=lambda pattern: pattern.pattern[:20])
def test_no_pattern_looks_further_than_so_far(pattern: Any) -> None:
    """So that a text of N characters costs at most N times a constant, whatever stands in it."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~32)
    assert widths(tree) < 20_000


@pytest.mark.parametrize(
    "unit", ["a", "://", "://a:b", "eyJ-", "eyJaaa.", "ghp_", "sk-a", "a=b&", "-----BEGIN ", "Bearer "]
)
def test_a_long_text_without_secrets_is_read_to_its_end(unit: str) -> None:
    text = unit * (120_000 // len(unit))
    assert masked([text, f"{text}\nghp_{A}"]) == [text, f"{text}\n***(GitHub-token)"]

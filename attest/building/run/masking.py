"""Keeps secrets out of what is signed: by the variables that hold them, and by their form.

Rule: what is found is replaced by `***(REASON)`, and every pattern has a largest width, so that time is linear.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from functools import lru_cache
from itertools import pairwise
from json import dumps
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus, unquote

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

# A value that is shorter may be any word, and masking it everywhere would hide what is no secret.
MIN_VALUE: Final = 8
_MASK: Final = "***("
_VALUE_OF: Final = "the value of "

# Parts of a variable's name, and whole words of it, that say that its value is secret.
_PARTS: Final = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY", "PRIVATE")
_WORDS: Final = frozenset("KEY KEYS PIN PINS PASS PAT AUTH PWD COOKIE CREDS".split())
# Last words of a name that say that it is about a secret, and not one. THROUGH: gcc links with -pass-through=-lgcc.
_ABOUT: Final = frozenset(
    "FILE FILES PATH PATHS DIR DIRECTORY SOCK SOCKET URL URI NAME TYPE ENDPOINT ISSUER POLICY SOURCE STDIN LENGTH TTL "
    "EXPIRES EXPIRY TOKENS THROUGH".split()
)
# Named like secrets by those who set them, and public.
_PUBLIC: Final = frozenset({"PWD", "BUILDKITE_STEP_KEY"})

# What is a secret in `NAME=VALUE`, `NAME: VALUE` or `--NAME VALUE` in a text. KEY alone is many other things.
_KEY_PARTS: Final = (
    *_PARTS[:-1],
    *"ACCESSKEY ACCOUNTKEY ENCRYPTIONKEY PRIVATEKEY SECRETKEY SIGNINGKEY AUTHORIZATION AMZSIGNATURE".split(),
    "GOOGSIGNATURE",
)
_KEY_WORDS: Final = frozenset("PIN PASS PWD AUTH SIG".split())
_PLAIN_VALUES: Final = frozenset("true false none null auto basic write read".split())

# The well-known forms: how each begins, and how it goes on at least. What follows in the same run belongs to it.
# A table of our own: detect-secrets has no release since 2024, wants files, and backtracks.
_FORMS: Final = {
    "GitHub token": (r"gh[pousr]_|github_pat_", r"[A-Za-z0-9]{20}"),
    "GitLab token": (r"gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent|imt|oas|ffct)-", r"[A-Za-z0-9_-]{16}"),
    "AWS key": (r"AKIA|ASIA|ABIA|ACCA", r"[A-Z0-9]{16}"),
    "Slack token": (r"xox[a-z]-|xapp-", r"[A-Za-z0-9-]{10}"),
    "npm token": (r"npm_", r"[A-Za-z0-9]{30}"),
    "PyPI token": (r"pypi-AgE", r"[A-Za-z0-9_-]{16}"),
    "Stripe key": (r"(?:sk|rk)_(?:live|test|prod)_|whsec_", r"[A-Za-z0-9]{10}"),
    "Google key": (r"AIza|ya29\.|GOCSPX-", r"[A-Za-z0-9_-]{24}"),
    "Vault token": (r"hv[sbr]\.|s\.(?=[A-Za-z0-9]{24}(?![A-Za-z0-9]))", r"[A-Za-z0-9_-]{24}"),
    "Docker token": (r"dckr_[po]at_", r"[A-Za-z0-9_-]{16}"),
    "API key": (r"sk-(?:ant-|proj-)?(?=[A-Za-z0-9_-]{0,64}[0-9])", r"[A-Za-z0-9_-]{20}"),
    "SendGrid key": (r"SG\.", r"[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16}"),
    "DigitalOcean token": (r"do[por]_v1_", r"[a-f0-9]{32}"),
    "Shopify token": (r"shp(?:at|ca|pa|ss)_", r"[A-Fa-f0-9]{24}"),
    "Hugging Face token": (r"hf_", r"[A-Za-z0-9]{30}"),
    "RubyGems key": (r"rubygems_", r"[a-f0-9]{32}"),
    "crates.io token": (r"cio(?=[A-Za-z0-9]{32}(?![A-Za-z0-9]))", r"[A-Za-z0-9]{32}"),
    "Databricks token": (r"dapi", r"[a-f0-9]{32}"),
    "Atlassian token": (r"AT(?:ATT|CTT|BB)", r"[A-Za-z0-9_-]{20}"),
    "CI token": (r"bkua_|CCIPAT_|CCIPRJ_|pul-", r"[A-Za-z0-9_]{20}"),
    "Grafana token": (r"glsa_|glc_", r"[A-Za-z0-9_+/]{24}"),
    "age key": (r"AGE-SECRET-KEY-1", r"[A-Z0-9]{20}"),
    # A long header is looked for only where no other can begin in it.
    "JSON Web Token": (
        r"eyJ",
        r"(?:[A-Za-z0-9_-]{5,256}+|(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{257,8192}+)\.[A-Za-z0-9_-]{2}",
    ),
}
_KINDS: Final = {f"k{number}": kind for number, kind in enumerate(_FORMS)}
_RUN = re.compile(r"[A-Za-z0-9_.+=-]*")
_VALUE = re.compile(r"""[^\s;&,"'<>\\]*""")
_AUTHORIZATION = re.compile(r"""(?:[A-Za-z][A-Za-z0-9-]{0,31} {1,4})?[^\s,"'\\]*""")
_REFERENCE = re.compile(r"[$%{]")  # $NAME, ${NAME}, %NAME%, {{ name }}: what stands for a secret
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]{1,127}+"
_FOUND = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    + "|".join(f"(?P<{name}>(?:{_FORMS[kind][0]}){_FORMS[kind][1]})" for name, kind in _KINDS.items())
    + r")"
    r"""|://(?P<user>[^\s/@:?#"'<>]{0,256}+:[^\s/@"'<>]{1,4096}+|[A-Za-z0-9_.-]{20,256}+)@"""
    r"|(?<![A-Za-z])[Bb]earer {1,4}(?P<bearer>(?=[A-Za-z._~+/=-]{0,256}+[0-9])[A-Za-z0-9._~+/=-]{16})"
    rf"""|(?<![A-Za-z0-9_.-])(?P<name>-{{0,2}}{_NAME})[\\"']{{0,2}} ?[:=](?!//|:) ?[\\"']{{0,2}}"""
    rf"|(?<![A-Za-z0-9_.-])(?P<option>--{_NAME}) {{1,4}}(?!-)"
)
# How a secret begins that was cut off before it could be known.
_CUT = re.compile(
    rf"(?<![A-Za-z0-9])(?:{'|'.join(f'(?:{begin})' for begin, _ in _FORMS.values())})[A-Za-z0-9_.+=-]{{0,4096}}+\Z"
)
_CUT_WITHIN: Final = 4096
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_OPTION = re.compile(rf"--?{_NAME}")
PATTERNS: Final = (_FOUND, _CUT, _PEM, _PEM_END)


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name holds a secret, as far as its name says."""
    upper = name.upper()
    if upper in _PUBLIC:
        return False
    return any(part in upper for part in _PARTS) or not _WORDS.isdisjoint(re.split(r"[^A-Z]+", upper))


def form(text: str) -> str | None:
    """The kind of the first secret in `text` that is known by its form, or None."""
    found: dict[str, None] = {}
    _masked_forms(text, found)
    return next(iter(found), None)


class Masker:
    """Masks what must not be in a document: values of an environment's secrets, and what has the form of one.

    A value is masked in every place, also in base64 and percent-encoded, if its variable is named like a secret's
    and it has at least MIN_VALUE characters. Variables in `public` hold no secrets, whatever they are called, and those
    in `secret` always do. `found`
    says what was masked so far: "the value of $NAME", or the kind of secret.
    """

    def __init__(
        self, environment: Mapping[str, str], public: Container[str] = (), *, secret: Container[str] = ()
    ) -> None:
        self.found: dict[str, None] = {}
        needles: dict[str, str] = {}
        for name, value in sorted(environment.items(), key=lambda item: -len(item[1])):
            is_secret = name in secret or (_is_kept_secret(name, value.strip()) and name not in public)
            if is_secret and value.strip():
                for spelt in _spellings(value.strip()):
                    needles.setdefault(spelt, name)
        self._needles = sorted(needles.items(), key=lambda item: -len(item[0]))

    def secret_in(self, text: str) -> str | None:
        """The first secret that is found in `text`, in the words of `found`, or None."""
        held = next((f"{_VALUE_OF}${name}" for needle, name in self._needles if needle in text), None)
        return held or form(text)

    def document(self, document: Any) -> Any:
        """A copy of a JSON document with all secrets in its strings masked; the names in objects stay."""
        everything = "\0".join(_strings(document))
        here = [(needle, name) for needle, name in self._needles if needle in everything]
        return self._copy(document, here)

    def _copy(self, value: Any, needles: Sequence[tuple[str, str]]) -> Any:
        if isinstance(value, str):
            return self._text(value, needles)
        if isinstance(value, dict):
            return {name: self._copy(each, needles) for name, each in value.items()}
        if isinstance(value, list | tuple):
            copies = [self._copy(each, needles) for each in value]
            for position, (option, word) in enumerate(pairwise(value), start=1):
                # `--password hunter2`, as two words of a command
                if _is_option(option) and isinstance(word, str) and not word.startswith("-"):
                    copies[position] = self._say(_value_of(option))
            return copies
        return value

    def _text(self, text: str, needles: Sequence[tuple[str, str]]) -> str:
        for needle, name in needles:
            if needle in text:
                text = text.replace(needle, self._say(f"{_VALUE_OF}${name}"))
        if text.startswith("file://"):
            path = unquote(text.removeprefix("file://"), errors="surrogateescape")
            masked = _masked_forms(path, self.found)
            return text if masked == path else f"file://{quote(masked, safe='/*($)', errors='surrogateescape')}"
        text = _masked_forms(text, self.found)
        return self._without_half(text) if len(text) > 2000 and text.endswith("...") else text

    def _without_half(self, text: str) -> str:
        """A text that was cut, without the first half of a secret at its end."""
        body = text.removesuffix("...")
        for needle, name in self._needles:
            for length in range(min(len(needle), len(body)) - 1, 3, -1):
                if body.endswith(needle[:length]):
                    return f"{body[:-length]}{self._say(f'{_VALUE_OF}${name}')}..."
        cut = _CUT.search(body, max(0, len(body) - _CUT_WITHIN))
        return text if cut is None else f"{body[: cut.start()]}{self._say('secret')}..."

    def _say(self, kind: str) -> str:
        self.found[kind] = None
        return _mask(kind)


def _masked_forms(text: str, found: dict[str, None]) -> str:
    """`text` without what has the form of a secret; what that was is added to `found`."""
    text = _masked_keys(text, found)
    pieces, end = [], 0
    for match in _FOUND.finditer(text):
        if match.start() < end:
            continue
        hit = _hit(text, match)
        if hit is None:
            continue
        begin, stop, kind = hit
        found[kind] = None
        pieces += [text[end:begin], _mask(kind)]
        end = stop
    return "".join([*pieces, text[end:]])


def _masked_keys(text: str, found: dict[str, None]) -> str:
    """`text` without private keys in PEM, the rest of the text where a key does not end."""
    pieces, end = [], 0
    while (begin := _PEM.search(text, end)) is not None:
        found["private key"] = None
        pieces += [text[end : begin.start()], _mask("private key")]
        closing = _PEM_END.search(text, begin.end())
        end = len(text) if closing is None else closing.end()
    return "".join([*pieces, text[end:]])


def _hit(text: str, match: re.Match[str]) -> tuple[int, int, str] | None:
    """Where a secret begins and ends that a match of _FOUND is, or begins, and its kind; None if it is none."""
    group = str(match.lastgroup)
    begin, end = match.span(group)
    if group in _KINDS:
        return begin, _end(_RUN, text, end), _KINDS[group]
    if group == "bearer":
        return begin, _end(_VALUE, text, end), "bearer token"
    if group == "user":
        return None if _stands_for_another(match[group].partition(":")[2]) else (begin, end, "password in a URL")
    name, begin = match[group], match.end()
    if not _is_secret_key(name) or (name == "token" and _is_of_pkcs11_uri(text, match.start())):
        return None
    end = _end(_AUTHORIZATION if name.lower().endswith("authorization") else _VALUE, text, begin)
    value = text[begin:end]
    is_folder = name == "PWD" and value.startswith("/")
    if len(value) < 4 or value.lower() in _PLAIN_VALUES or _stands_for_another(value.rpartition(" ")[2]) or is_folder:
        return None
    return begin, end, _value_of(name)


def _end(run: re.Pattern[str], text: str, begin: int) -> int:
    match = run.match(text, begin)
    return begin if match is None else match.end()


def _mask(kind: str) -> str:
    return f"{_MASK}{kind.removeprefix(_VALUE_OF).replace(' ', '-')})"


def _value_of(name: str) -> str:
    return f"{_VALUE_OF}{name.lstrip('-')}"


def _stands_for_another(value: str) -> bool:
    """Whether this is a variable's name, to be put in later, or was masked already."""
    return _MASK in value or _REFERENCE.match(value) is not None


def _is_of_pkcs11_uri(text: str, position: int) -> bool:
    """Whether `token=` at this position is the label in a PKCS#11 URI, which is no secret."""
    return "pkcs11:" in re.split(r"[\s'\"]", text[max(0, position - 256) : position])[-1]


def _is_option(word: Any) -> bool:
    return isinstance(word, str) and _OPTION.fullmatch(word) is not None and _is_secret_key(word)


@lru_cache(maxsize=4096)
def _is_secret_key(name: str) -> bool:
    """Whether what stands behind `name` in a text is a secret: a narrower question than is_secret_name's."""
    words = re.findall(r"[A-Z0-9]+", name.upper())
    if not words or words[-1] in _ABOUT:
        return False
    squeezed = "".join(words)
    return any(part in squeezed for part in _KEY_PARTS) or not _KEY_WORDS.isdisjoint(words)


def _is_kept_secret(name: str, value: str) -> bool:
    """Whether a variable holds a secret that is to be masked: not the path of one, and no everyday word."""
    if len(value) < MIN_VALUE or not is_secret_name(name) or name.upper().rpartition("_")[2] in _ABOUT:
        return False
    return not (value.startswith("/") and os.path.lexists(value))


def _spellings(value: str) -> Iterator[str]:
    """How a secret may be written: as it is, percent-encoded, in JSON, and in base64 as part of something else."""
    yield value
    yield from {quote(value, safe=""), quote(value), quote_plus(value), dumps(value)[1:-1]} - {value}
    data = value.encode(errors="surrogateescape")
    for before in range(3):
        # Only what the value alone decides: the characters at both ends also depend on its neighbours.
        text = b64encode(b"\0" * before + data).decode()
        core = text[-(-before * 4 // 3) : (before + len(data)) * 4 // 3]
        yield from {core, core.replace("+", "-").replace("/", "_")}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)

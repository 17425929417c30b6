"""PyPI's publish attestations: a distribution matches by its digest and by its name, as pypi-attestations has it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from attest import Rejected, verify
from attest._base.json import dumps
from tests.support.making.bundles import bundle
from tests.support.making.statements import signed_payload
from tests.support.watching import refused

if TYPE_CHECKING:
    from pathlib import Path

DATA = b"a wheel"
DIGEST = hashlib.sha256(DATA).hexdigest()

MANY = ".".join(f"p{number}" for number in range(2000))  # so many tags of three kinds are 8,000,000,000 tags


def statement(*names: str | None) -> bytes:
    subjects: list[dict[str, Any]] = [{"name": name, "digest": {"sha256": DIGEST}} for name in names]
    return dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{key: value for key, value in one.items() if value is not None} for one in subjects],
            "predicateType": "https://docs.pypi.org/attestations/publish/v1",
            "predicate": None,
        }
    )


def check(signed: bytes, file: Path, data: bytes = DATA) -> None:
    file.write_bytes(data)
    verify(signed_payload(signed), bundle(), artifacts=[file])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("acme_app-1.0-py3-none-any.whl", "acme_app-1.0-py3-none-any.whl"),
        ("Acme_App-1.0-py3-none-any.whl", "acme_app-1.0-py3-none-any.whl"),
        ("acme_app-1.0-py2.py3-none-any.whl", "acme_app-1.0-py3.py2-none-any.whl"),
        ("acme.app-1.0.0.tar.gz", "acme_app-1.0.0.tar.gz"),
        ("acme-app-1.0.zip", "acme_app-1.0.zip"),
    ],
)
def test_a_distribution_matches_by_its_normalised_name(name: str, file: str, tmp_path: Path) -> None:
    check(statement(name), tmp_path / file)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("acme_app-1.0-py3-none-any.whl", "acme_app-1.1-py3-none-any.whl"),
        ("acme_app-1.0-py3-none-any.whl", "acme_app-1.0-1-py3-none-any.whl"),
        ("acme_app-1.0-py3-none-any.whl", "acme_app-1.0-cp311-none-any.whl"),
        ("acme_app-1.0-py3-none-any.whl", "acme_apps-1.0-py3-none-any.whl"),
        ("acme_app-1.0-py3-none-any.whl", "acme_app-1.0.tar.gz"),
        ("acme_app-1.0-py3-none-any.whl", "app.whl"),
        ("app.whl", "app.whl"),
        (f"acme_app-{'1' * 5000}-py3-none-any.whl", "acme_app-1.0-py3-none-any.whl"),
        (f"acme_app-{'1' * 5000}.tar.gz", "acme_app-1.0-py3-none-any.whl"),
        (f"acme_app-1.0-{MANY}-{MANY}-{MANY}.whl", "acme_app-1.0-py3-none-any.whl"),
        ("acme_app-1.0.tar.bz2", "acme_app-1.0.tar.bz2"),
        (None, "acme_app-1.0-py3-none-any.whl"),
    ],
)
def test_a_distribution_of_another_name_does_not_match(name: str | None, file: str, tmp_path: Path) -> None:
    with refused(Rejected, "package-name-mismatch"):
        check(statement(name), tmp_path / file)


def test_there_is_one_subject(tmp_path: Path) -> None:
    name = "acme_app-1.0-py3-none-any.whl"
    with refused(Rejected, "package-name-mismatch"):
        check(statement(name, name), tmp_path / name)


def test_the_digest_counts_too(tmp_path: Path) -> None:
    name = "acme_app-1.0-py3-none-any.whl"
    with refused(Rejected, "artifact-mismatch"):
        check(statement(name), tmp_path / name, b"another wheel")
    verify(signed_payload(statement(name)), bundle(), artifacts=[f"sha256:{DIGEST}"])

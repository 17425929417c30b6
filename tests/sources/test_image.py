"""The attestations of an image from Python, as `verify_many` and `verify_collection` take them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import attest
from attest import sources
from attest.converting import attachable
from attest.errors import InputError
from attest.oci.attaching import attach
from attest.oci.reference import parse
from attest.oci.store import open_store
from tests.support.making.bundles import NOW
from tests.support.making.images import STRANGER, about, empty_layout, made, put_image, put_index, trust

if TYPE_CHECKING:
    from pathlib import Path


def test_an_image_is_what_verify_collection_and_verify_many_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = empty_layout(tmp_path / "layout")
    store = open_store(parse(name))
    document = put_image(store)
    attach(store, document, [*made(document, 1, 2), attachable(about(document.digest, 3, by=STRANGER))])
    monkeypatch.setattr("attest.oci.attaching._EMBEDDED", 0)  # what is in the manifest too is read from there
    broken = attach(store, document, made(document, 4))[0].layer
    (tmp_path / "layout" / "blobs" / "sha256" / broken.removeprefix("sha256:")).write_bytes(b"other")
    with sources.image(name) as image:
        assert (image.name, image.digest) == (f"{name}@{document.digest}", document.digest)
        report = attest.verify_collection(image, trust(), artifacts=[image.artifact], now=NOW)
        assert [proof.statement.predicate for _, proof in report.proofs] == [{"number": 1}, {"number": 2}]
        assert [reason.code for reason in report.ignored] == ["threshold-not-met", "digest-mismatch"]
        with ThreadPoolExecutor(2) as pool:
            for executor in (None, pool):
                outcomes = attest.verify_many(
                    image, trust(), artifacts=[image.artifact], now=NOW, executor=executor, workers=1
                )
                codes = [outcome.error.code if outcome.error else None for outcome in outcomes]
                assert codes == [None, None, "threshold-not-met", "digest-mismatch"]


def test_a_bundle_of_several_signatures_stays_one_envelope(tmp_path: Path) -> None:
    name = empty_layout(tmp_path / "layout")
    store = open_store(parse(name))
    document = put_image(store)
    both = about(document.digest).merged_with(about(document.digest, by=STRANGER))
    one = attachable(both)
    assert (one.media_type, one.data) == ("application/vnd.dsse.envelope.v1+json", both.to_json())
    with pytest.raises(InputError, match="has one signature") as refused:
        attachable(both, "sigstore")
    assert refused.value.code == "not-convertible"
    attach(store, document, [one])
    with sources.image(name) as image:
        [entry] = image
    assert entry.envelope is not None
    assert len(entry.envelope.signatures) == 2


def test_a_platform_is_one_image_of_the_index(tmp_path: Path) -> None:
    name = empty_layout(tmp_path / "layout")
    index = put_index(open_store(parse(name)), "1", "linux/amd64", "linux/arm64")
    with sources.image(f"{name}:1", platform="linux/arm64") as image:
        assert image.digest == index.manifests[1].digest
        assert list(image) == []
    with pytest.raises(InputError) as refused:
        sources.image(f"{name}:1", platform="linux")
    assert refused.value.code == "platform-unknown"

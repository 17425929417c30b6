"""What is found beside an image: from every place, each once, and nothing that only a list says."""

from __future__ import annotations

import base64
import json
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from attest.errors import InputError, SignerError
from attest.limits import Limits
from attest.oci import attachments, layers
from attest.oci.attachments import Attachment, cosign_tag, find, read, referrers_tag
from attest.oci.layout import LayoutStore
from attest.oci.statements import read_statement
from attest.sources._attachment import envelope_in
from tests.support.making.layouts import Json, Layout
from tests.vectors.keys import ALICE
from tests.vectors.parts import compact, envelope_of, statement

if TYPE_CHECKING:
    from pathlib import Path

    from attest.oci.documents import Descriptor, ImageDocument

DSSE = layers.DSSE
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


class Repository(LayoutStore):
    """A layout that answers as a registry does: over a network, and without the list of referrers if `has_list` is not.

    `asked` has the requests, and `most` the number of them at one time.
    """

    is_local = False

    def __init__(self, made: Layout, *, has_list: bool = False, fails: str | None = None) -> None:
        super().__init__(made.root)
        self.has_list, self.fails = has_list, fails
        self.asked: list[str] = []
        self.lock, self.busy, self.most = threading.Lock(), 0, 0
        self.together: dict[str, threading.Barrier] = {}

    def manifest(self, reference: str | None) -> ImageDocument:
        with self.lock:
            self.asked.append(str(reference))
            self.busy += 1
            self.most = max(self.most, self.busy)
        try:
            if meeting := self.together.get(str(reference)):
                meeting.wait()
            if reference == self.fails:
                raise SignerError("registry-unavailable", "the registry answers with 503")
            return super().manifest(reference)
        finally:
            with self.lock:
                self.busy -= 1

    def referrers(self, digest: str) -> list[Descriptor] | None:
        return super().referrers(digest) if self.has_list else None


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


def signed(number: int = 0) -> bytes:
    return compact(envelope_of(ALICE, payload=statement(predicate={"number": number})))


def found(store: LayoutStore, image: Json | None = None, **more: Any) -> list[Attachment]:
    return list(find(store, store.manifest(image["digest"] if image else "1"), **more))


def told(store: LayoutStore, image: Json | None = None) -> list[tuple[str, str]]:
    return [(one.source, one.kind) for one in found(store, image)]


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        (DSSE, "dsse"),
        (BUNDLE, "sigstore-bundle"),
        ("application/vnd.dev.sigstore.bundle+json;version=0.2", "sigstore-bundle"),
        ("application/vnd.in-toto.provenance+dsse", "dsse"),
        ("application/vnd.in-toto+json", "statement"),
        ("application/vnd.cncf.notary.signature", "other"),
    ],
)
def test_a_layer_is_what_its_media_type_says(made: Layout, media_type: str, kind: str) -> None:
    image = made.image(tag="1")
    made.add(made.attached(image, b"{}", media_type))
    [one] = found(LayoutStore(made.root))
    assert (one.source, one.about, one.kind, one.artifact_type) == ("referrer", image["digest"], kind, media_type)


@pytest.mark.parametrize("has_list", [True, False])
def test_referrers_are_found_in_the_list_or_else_by_the_tag(made: Layout, *, has_list: bool) -> None:
    image = made.image(tag="1")
    listed = made.add(made.attached(image, signed(1), DSSE))
    tagged = made.attached(image, signed(2), DSSE)
    made.add(made.index(tagged), referrers_tag(image["digest"]))
    [one] = found(Repository(made, has_list=has_list))
    expected = listed if has_list else tagged
    assert one.manifest is not None
    assert (one.source, one.manifest.digest) == ("referrer" if has_list else "fallback-tag", expected["digest"])
    assert len(found(LayoutStore(made.root))) == 2  # a layout may have both


def test_a_list_and_a_tag_only_name_candidates(made: Layout) -> None:
    image, other = made.image(1, "1"), made.image(2)
    foreign = made.attached(other, signed(), DSSE)
    made.add(made.index(foreign, other, image), referrers_tag(image["digest"]))
    assert told(Repository(made)) == []


@pytest.mark.parametrize("target", ["image", "index", "manifest"])
def test_a_tag_that_is_no_list_lists_nothing(made: Layout, target: str) -> None:
    child = made.image(1)
    image = made.add(made.index(child), "1") if target == "index" else made.image(2, "1")
    shown = made.manifest(made.blob(signed(), DSSE)) if target == "manifest" else image
    made.add(shown, referrers_tag(image["digest"]))
    assert told(Repository(made), image) == []


def test_cosigns_tag(made: Layout) -> None:
    image = made.image(tag="1")
    layers = [made.blob(signed(number), DSSE, annotations={"predicateType": "x"}) for number in range(3)]
    made.add(made.manifest(*layers), cosign_tag(image["digest"]))
    assert told(Repository(made)) == [("cosign-tag", "dsse")] * 3
    assert [read(Repository(made), one) for one in found(Repository(made))] == [signed(number) for number in range(3)]


def test_a_copy_is_found_once_and_one_with_other_annotations_twice(made: Layout) -> None:
    image = made.image(tag="1")
    made.add(made.attached(image, signed(), DSSE))
    made.add(made.manifest(made.blob(signed(), DSSE), made.blob(signed(), DSSE)), cosign_tag(image["digest"]))
    assert told(LayoutStore(made.root)) == [("referrer", "dsse")]
    made.add(made.attached(image, signed(), DSSE, a="b"))
    assert told(LayoutStore(made.root)) == [("referrer", "dsse")] * 2


def buildkit(made: Layout, about: Json, data: bytes, kind: str = "attestation-manifest", **more: Any) -> Json:
    layer = made.blob(data, layers.STATEMENT, annotations={"in-toto.io/predicate-type": "https://example.com/test/v1"})
    notes = {"vnd.docker.reference.type": kind, "vnd.docker.reference.digest": about["digest"]}
    return {
        **made.manifest(layer, **more),
        "annotations": notes,
        "platform": {"os": "unknown", "architecture": "unknown"},
    }


def unsigned(about: Json) -> bytes:
    return statement({"name": "x", "digest": {"sha256": about["digest"][7:]}})


def test_statements_in_an_index_are_about_its_platforms(made: Layout) -> None:
    one, other, absent = made.image(1), made.image(2), made.image(3)
    index = made.add(
        made.index(
            one,
            other,
            buildkit(made, one, unsigned(one)),
            buildkit(made, other, unsigned(one)),
            buildkit(made, absent, unsigned(absent)),
            buildkit(made, one, unsigned(other), kind="builder"),
        ),
        "1",
    )
    store = LayoutStore(made.root)
    first, second = found(store, index)
    assert [(each.about, each.source, each.kind) for each in (first, second)] == [
        (one["digest"], "in-index", "statement"),
        (other["digest"], "in-index", "statement"),
    ]
    assert read_statement(store, first).is_about
    assert read_statement(store, first).unchecked != ()  # of another type than the annotation says
    assert not read_statement(store, second).is_about
    assert found(store, one) == []
    assert found(store, one, within=store.manifest("1")) == [first]
    with pytest.raises(InputError) as caught:
        envelope_in(read(store, first), first)
    assert caught.value.code == "container-unsupported"


def test_what_buildkit_attaches_since_2026_is_a_referrer_of_the_platform_too(made: Layout) -> None:
    one = made.image(1)
    added = buildkit(
        made, one, unsigned(one), subject=one, artifactType="application/vnd.docker.attestation.manifest.v1+json"
    )
    made.add(made.index(one, added), "1")
    made.add(made.index({name: added[name] for name in ("mediaType", "digest", "size")}), referrers_tag(one["digest"]))
    store = Repository(made)
    [attachment] = found(store, one, within=store.manifest("1"))
    assert (attachment.source, attachment.kind) == ("fallback-tag", "statement")
    assert read_statement(store, attachment).is_about


def test_what_cannot_be_read_hides_nothing(made: Layout) -> None:
    image = made.image(tag="1")
    good, bad, absent = (made.attached(image, signed(number), DSSE) for number in range(3))
    (made.root / "blobs" / "sha256" / absent["digest"][7:]).unlink()
    lie = {**bad, "size": bad["size"] + 1}
    made.add(made.index(lie, absent, good), referrers_tag(image["digest"]))
    made.add({**made.blob(b"{}", "x"), "mediaType": image["mediaType"]}, cosign_tag(image["digest"]))
    first, second, third, fourth = found(Repository(made))
    assert [one.kind for one in (first, second, third, fourth)] == ["unreadable", "unreadable", "dsse", "unreadable"]
    assert [one.error.code for one in (first, second, fourth) if one.error] == [
        "digest-mismatch",
        "image-not-found",
        "image-invalid",
    ]
    for one in (first, fourth):
        with pytest.raises(InputError) as caught:
            read(Repository(made), one)
        assert caught.value is one.error


@pytest.mark.parametrize("place", ["fallback", "cosign", "referrer"])
def test_a_registry_that_fails_is_never_taken_for_one_without_attestations(made: Layout, place: str) -> None:
    image = made.image(tag="1")
    referrer = made.attached(image, signed(), DSSE)
    made.add(made.index(referrer), referrers_tag(image["digest"]))
    fails = {
        "fallback": referrers_tag(image["digest"]),
        "cosign": cosign_tag(image["digest"]),
        "referrer": referrer["digest"],
    }
    with pytest.raises(SignerError):
        found(Repository(made, fails=fails[place]))


def test_there_are_limits(made: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    image = made.image(tag="1")
    made.add(
        made.index(*(made.attached(image, signed(number), DSSE) for number in range(3))), referrers_tag(image["digest"])
    )
    for name in ("MAX_REFERRERS", "MAX_ATTACHMENTS"):
        with monkeypatch.context() as patch:
            patch.setattr(attachments, name, 2)
            with pytest.raises(InputError) as caught:
                found(Repository(made))
            assert caught.value.code == "too-many-attestations"
    one = found(Repository(made))[0]
    with pytest.raises(InputError) as caught:
        read(Repository(made), one, Limits(envelope=10))
    assert caught.value.code == "envelope-too-large"


def test_content_in_the_descriptor_is_not_asked_for(made: Layout) -> None:
    image = made.image(tag="1")
    layer = {**made.blob(signed(), DSSE), "data": base64.b64encode(signed()).decode()}
    made.add(made.manifest(layer, subject=image))
    (made.root / "blobs" / "sha256" / layer["digest"][7:]).unlink()
    [one] = found(LayoutStore(made.root))
    assert read(LayoutStore(made.root), one) == signed()


def test_an_envelope_is_read_with_what_its_annotations_claim(made: Layout) -> None:
    image = made.image(tag="1")
    made.add(made.attached(image, signed(), DSSE, predicateType="https://example.com/other"))
    store = LayoutStore(made.root)
    [one] = found(store)
    read_one = envelope_in(read(store, one), one)
    assert json.loads(read_one.envelope.unverified_payload)["predicate"] == {"number": 0}
    assert len(read_one.unchecked) == 1


def test_a_bundle_where_an_envelope_was_said_to_be_is_not_read_as_one(made: Layout) -> None:
    image = made.image(tag="1")
    made.add(made.attached(image, b'{"mediaType": "' + BUNDLE.encode() + b'"}', DSSE))
    store = LayoutStore(made.root)
    [one] = found(store)
    with pytest.raises(InputError) as caught:
        envelope_in(read(store, one), one)
    assert caught.value.code == "envelope-invalid"


def test_a_sha512_digest_has_a_shortened_tag() -> None:
    assert referrers_tag(f"sha512:{'ab' * 64}") == f"sha512-{'ab' * 32}"
    assert cosign_tag(f"sha256:{'a' * 64}") == f"sha256-{'a' * 64}.att"


@pytest.mark.slow
def test_a_thousand_attachments_are_asked_for_once_and_kept_one_by_one(made: Layout) -> None:
    image = made.image(tag="1")
    padding = "x" * 10_000
    several = [made.attached(image, signed(number), DSSE, padding=padding) for number in range(1000)]
    made.add(made.index(*several), referrers_tag(image["digest"]))
    store = Repository(made)
    document = store.manifest("1")
    store.asked.clear()
    # As many at one time as may be: each waits until there are so many.
    store.together = dict.fromkeys(
        (one["digest"] for one in several), threading.Barrier(attachments.THREADS, timeout=60)
    )
    tracemalloc.start()
    try:
        number = sum(len(read(store, one)) > 0 for one in find(store, document))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert number == 1000
    assert len(store.asked) == 1000 + 2
    assert store.most == attachments.THREADS
    assert peak < 6 << 20  # all annotations together are 10 MB

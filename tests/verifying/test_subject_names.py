"""What an artifact must be called and who must vouch for it: asked for, either can only turn a yes into a no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from attest import Artifact, InputError, Policy, Rejected, ResourceDescriptor, Verified, verify, verify_many
from attest.artifacts import other_names
from tests.support.making.bundles import NOW, anchor, bundle
from tests.support.making.keys import ALICE, BOB
from tests.support.making.statements import ARTIFACT, DIGEST, signed, statement
from tests.support.watching import refused
from tests.verifying.test_properties import properties

if TYPE_CHECKING:
    from pathlib import Path

    from attest import Envelope, TrustBundle

GLOBS = ("**", "*", "*.whl", "app.*", "app.whl", "pkg:**", "pkg:pypi/acme/*", "other", "?pp.whl", "")
TRUST = bundle({"release": anchor(ALICE), "security": anchor(BOB)})
TYPE = "https://example.com/review/v1"

names = st.sampled_from([None, "_", "app.whl", "dist/app.whl", "other", "a/../app.whl"])
uris = st.sampled_from([None, "pkg:pypi/acme/app@1.0", "pkg:pypi/evil@1.0"])
digests = st.sampled_from([DIGEST, "ab" * 32])
subjects = st.builds(lambda name, uri, digest: ResourceDescriptor(name, {"sha256": digest}, uri), names, uris, digests)
limits = st.fixed_dictionaries(
    {}, optional={"subjects": st.lists(st.sampled_from(GLOBS[:-1]), max_size=2), "predicate_types": st.just([TYPE])}
)
asked = st.fixed_dictionaries(
    {},
    optional={
        "subject_names": st.lists(st.sampled_from(GLOBS), min_size=1, max_size=3),
        "anchors": st.lists(st.sampled_from(["release", "security", "nobody"]), min_size=1, max_size=3),
    },
)


def says_yes(envelope: Envelope, trust: TrustBundle, **options: Any) -> bool:
    try:
        return isinstance(verify(envelope, trust, now=NOW, **options), Verified)
    except (InputError, Rejected):
        return False


@given(
    st.lists(subjects, min_size=1, max_size=3, unique_by=lambda one: one.name),
    st.lists(st.sampled_from([ALICE, BOB]), min_size=1, unique=True),
    st.tuples(limits, limits),
    st.sampled_from([None, [ARTIFACT], [ARTIFACT, "sha256:" + "ab" * 32]]),
    st.sampled_from(["all", "any", "none"]),
    asked,
    asked,
)
@properties(max_examples=400)
def test_asking_more_never_turns_a_no_into_a_yes(
    about: list[ResourceDescriptor],
    signers: list[Any],
    limited: tuple[dict[str, Any], dict[str, Any]],
    artifacts: Any,
    cover: str,
    less: dict[str, Any],
    more: dict[str, Any],
) -> None:
    """Neither a first glob or anchor, nor another one beside it."""
    envelope = signed(*signers, about=statement(*about))
    trust = bundle({"release": anchor(ALICE, **limited[0]), "security": anchor(BOB, **limited[1])})
    options = {"artifacts": artifacts, "cover": cover}
    assume(not says_yes(envelope, trust, **options, **less))
    both = {name: [*less.get(name, ()), *more.get(name, ())] for name in {*less, *more}}
    assert not says_yes(envelope, trust, **options, **both)


@given(
    st.lists(subjects, min_size=1, max_size=3, unique_by=lambda one: one.name),
    st.sampled_from([None, [Artifact.of(ARTIFACT)]]),
    st.lists(st.sampled_from(GLOBS[:-1]), min_size=1, max_size=3),
    st.sampled_from([{}, {"anchors": ["security"]}, {"cel": ["false"]}]),
)
@properties(max_examples=150)
def test_names_in_a_requirement_never_turn_a_no_into_a_yes(
    about: list[ResourceDescriptor], artifacts: Any, globs: list[str], other: dict[str, Any]
) -> None:
    one = verify(signed(about=statement(*about)), TRUST, artifacts=None, now=NOW)

    def decides(**more: Any) -> bool:
        policy = Policy.from_document({"require": [{"type": TYPE, **other, **more}]})
        return policy.decide([one], artifacts=artifacts, now=NOW).yes

    assert decides() or not decides(names=globs)


@pytest.mark.parametrize("option", ["subject_names", "anchors"])
def test_an_empty_list_and_a_text_are_no_options(option: str) -> None:
    for empty in ([], [""], ()):
        with refused(InputError, "option-invalid"):
            verify(signed(), TRUST, artifacts=None, now=NOW, **{option: empty})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="list of texts"):
        verify(signed(), TRUST, artifacts=None, now=NOW, **{option: "release"})  # type: ignore[arg-type]


def test_an_anchor_that_is_a_slip_is_told_before_anything_is_read() -> None:
    with refused(InputError, "anchor-unknown") as caught:
        verify(b"{", TRUST, artifacts=None, anchors=["relaese"])
    assert caught.value.hint == "Did you mean 'release'?"
    with refused(InputError, "anchor-unknown") as caught:
        verify_many([], TRUST, artifacts=None, anchors=["x"])
    assert caught.value.hint == "Use one of its anchors: release, security."


def test_many_envelopes_are_asked_the_same() -> None:
    envelopes = [signed(), signed(BOB), signed(about=statement(ResourceDescriptor("x", {"sha256": DIGEST})))]
    options: dict[str, Any] = {"subject_names": ["*.whl"], "anchors": ["release"]}
    outcomes = list(verify_many(envelopes, TRUST, artifacts=[ARTIFACT], now=NOW, **options))
    codes = [outcome.error and outcome.error.code for outcome in outcomes]
    assert codes == [None, "anchor-not-accepted", "subject-name-mismatch"]


@pytest.mark.parametrize("cover", ["all", "any", "none"])
def test_a_name_must_match_whatever_must_be_covered(cover: Any) -> None:
    """A policy decides over what verified, and later: by then nobody asks for names any more."""
    two = [ARTIFACT, "sha256:" + "ab" * 32]
    about = statement(ResourceDescriptor("a", {"sha256": DIGEST}), ResourceDescriptor("b", {"sha256": "ab" * 32}))
    with refused(Rejected, "subject-name-mismatch"):
        verify(signed(about=about), TRUST, artifacts=two, cover=cover, subject_names=["a"], now=NOW)


def test_a_refusal_says_what_the_anchor_lacks() -> None:
    trust = bundle({"release": anchor(ALICE), "security": anchor(BOB, ALICE, threshold=2), "ops": anchor(BOB)})
    limited = bundle({"release": anchor(ALICE), "windows": anchor(ALICE, subjects=["*.exe"])})
    for bundled, name, why in (
        (trust, "security", "it has 1 of 2"),
        (trust, "ops", "none of its keys has signed"),
        (limited, "windows", "it is not allowed to sign the statement"),
    ):
        with refused(Rejected, "anchor-not-accepted") as caught:
            verify(signed(), bundled, artifacts=None, anchors=[name], now=NOW)
        assert caught.value.message == f"signed for anchor 'release', expected anchor {name!r}: {why}"


def test_another_name_than_the_files_is_worth_a_note(tmp_path: Path) -> None:
    def noted(file: str, *called: str | None, uri: str | None = None) -> tuple[str, ...]:
        path = tmp_path / file
        path.write_bytes(b"hello\n")
        digest = Artifact.of(path).hash_for(["sha256"])
        about = statement(*(ResourceDescriptor(name, digest, uri or "x:y") for name in called))
        one = verify(signed(about=about), TRUST, artifacts=[path], now=NOW)
        assert one.report.artifacts is not None
        return other_names(one.report.artifacts[0], one.statement)

    assert noted("app.whl", "app.whl") == ()
    assert noted("app.whl", "dist/app.whl") == ()
    assert noted("app.whl", "app.tar") == ("app.tar",)
    assert noted("app.whl", "x", "app.whl") == ()
    assert noted("app.whl", "x", "y/z") == ("x", "y/z")
    assert noted("app.whl", None, uri="pkg:pypi/x") == ()
    assert noted("app.whl", "_") == ()
    assert noted("app.whl", "pkg:pypi/app@1") == ()
    plain = verify(signed(), TRUST, artifacts=[ARTIFACT], now=NOW)
    assert plain.report.artifacts is not None
    assert other_names(plain.report.artifacts[0], plain.statement) == ()

"""The rule slsa-source: where the source is read from, and every other source is a no."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.making.policies import REPOSITORY, asks, claim, codes, decide, no, provenance


@pytest.mark.parametrize(
    "source",
    [
        f"git+{REPOSITORY}@refs/tags/v1.0",
        f"{REPOSITORY}@refs/tags/v1.0#subdirectory",
        {"uri": f"git+{REPOSITORY}@refs/tags/v1.0"},
        {"repository": REPOSITORY, "ref": "refs/tags/v1.0"},
    ],
)
def test_a_source_is_read_however_it_is_written(source: Any) -> None:
    assert decide(asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v*"]}), provenance(source=source)).yes
    assert decide(
        asks("slsa-source", {"repository": [REPOSITORY], "ref": ["refs/tags/*"]}), provenance(source=source)
    ).yes


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("git+https://example.com/evil/app@refs/tags/v1.0", "repository-mismatch"),
        (f"git+{REPOSITORY}2@refs/tags/v1.0", "repository-mismatch"),
        ("git+https://example.com@evil.example/acme/app@refs/tags/v1.0", "repository-mismatch"),
        (f"git+{REPOSITORY}@refs/heads/main", "ref-mismatch"),
        (f"git+{REPOSITORY}@refs/tags/v1.0/x", "ref-mismatch"),
        (f"git+{REPOSITORY}", "ref-mismatch"),
        ({"repository": REPOSITORY}, "ref-mismatch"),
        ({"repository": [REPOSITORY], "ref": "refs/tags/v1.0"}, "repository-mismatch"),
        ({"digest": {"gitCommit": "0" * 40}}, "source-unknown"),
        (None, "source-unknown"),
        (7, "source-unknown"),
    ],
)
def test_another_source_is_a_no(source: Any, code: str) -> None:
    asked = asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v*"]})
    assert codes(decide(asked, provenance(source=source))) == [code]


WORKFLOW = {"repository": REPOSITORY, "ref": "refs/tags/v1.0"}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"workflow": WORKFLOW, "source": f"git+{REPOSITORY}@refs/tags/v1.0"}, []),
        ({"workflow": WORKFLOW, "source": {"uri": f"git+{REPOSITORY}"}, "configSource": None}, []),
        ({"workflow": {"repository": REPOSITORY}, "source": f"git+{REPOSITORY}@refs/tags/v1.0"}, []),
        (
            {"workflow": WORKFLOW, "source": {"uri": "git+https://example.com/evil/app@refs/tags/v1.0"}},
            [("source-conflict", "source/uri"), ("repository-mismatch", "source/uri")],
        ),
        (
            {"source": {"uri": "git+https://example.com/evil/app@refs/tags/v1.0"}, "workflow": WORKFLOW},
            [("source-conflict", "source/uri"), ("repository-mismatch", "source/uri")],
        ),
        # Each of two would do, and which of them was built nobody can tell.
        ({"workflow": WORKFLOW, "source": f"git+{REPOSITORY}@refs/tags/v1.1"}, [("source-conflict", "source")]),
        (
            {"workflow": WORKFLOW, "configSource": {"uri": f"git+{REPOSITORY}2@refs/tags/v1.0"}},
            [("source-conflict", "configSource/uri"), ("repository-mismatch", "configSource/uri")],
        ),
        (
            {"source": {**WORKFLOW, "uri": "https://example.com/evil/app"}},
            [("source-conflict", "source/uri"), ("repository-mismatch", "source/uri")],
        ),
        (
            {"source": {"repository": f"{REPOSITORY}@refs/heads/main", "ref": "refs/tags/v1.0"}},
            [("source-conflict", "source/ref"), ("ref-mismatch", "source/repository")],
        ),
        (
            {"source": {"repository": f"{REPOSITORY}@refs/tags/v1.0", "ref": "refs/heads/main"}},
            [("source-conflict", "source/ref"), ("ref-mismatch", "source/ref")],
        ),
        (
            {
                "workflow": {**WORKFLOW, "digest": {"gitCommit": "0" * 40}},
                "source": {"uri": REPOSITORY, "digest": {"gitCommit": "1" * 40}},
            },
            [("source-conflict", "source/uri")],
        ),
        # What can't be read may be another source.
        ({"workflow": WORKFLOW, "source": [f"git+{REPOSITORY}2"]}, [("source-unknown", "source")]),
        ({"workflow": WORKFLOW, "source": {"downloadLocation": "https://x"}}, [("source-unknown", "source")]),
    ],
)
def test_sources_that_conflict_are_a_no_wherever_they_stand(
    parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    made = claim({"buildDefinition": {"externalParameters": parameters}}, kind="https://slsa.dev/provenance/v1")
    decision = decide(asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v*"]}), made)
    assert decision.yes is not bool(expected)
    found = [(failure.code, failure.pointer) for failure in decision.requirements[0].failures]
    start = "/predicate/buildDefinition/externalParameters/"
    assert found == [(code, start + at) for code, at in expected]


@pytest.mark.parametrize(
    "source",
    [
        "https://example.com/acme/../evil/app",
        "https://example.com/acme/%2e%2e/evil/app",
        "https://evil.example?.example.com/acme/app",
        "https://evil.example#.example.com/acme/app",
        "https://evil.example\\.example.com/acme/app",
        "https://example.com/acme/app#x@refs/tags/v1.0",
    ],
)
def test_a_wildcard_does_not_lead_out_of_what_it_stands_in(source: str) -> None:
    globs = ["https://example.com/acme/**", "https://*.example.com/acme/*"]
    made = provenance(source=source)
    assert codes(decide(asks("slsa-source", {"repository": globs}), made)) == ["repository-mismatch"]


def test_a_repository_that_is_named_as_it_is_may_have_a_query() -> None:
    source = "https://example.com/?p=app.git"
    assert decide(asks("slsa-source", {"repository": [source]}), provenance(source=source)).yes


def test_a_dependency_is_no_source() -> None:
    predicate = {"buildDefinition": {"resolvedDependencies": [{"uri": f"git+{REPOSITORY}@refs/tags/v1.0"}]}}
    made = claim(predicate, kind="https://slsa.dev/provenance/v1")
    assert codes(decide(asks("slsa-source", {"repository": [REPOSITORY]}), made)) == ["source-unknown"]


def test_a_policy_can_say_where_a_build_type_has_its_source() -> None:
    at = "/buildDefinition/externalParameters/inputs/0"
    asked = asks("slsa-source", {"repository": [REPOSITORY], "at": at})
    parameters = {"source": "https://evil.example/x", "inputs": [REPOSITORY]}
    made = claim({"buildDefinition": {"externalParameters": parameters}}, kind="https://slsa.dev/provenance/v1")
    assert decide(asked, made).yes
    [failure] = no(decide(asked, provenance()))
    assert (failure.code, failure.pointer) == ("source-unknown", f"/predicate{at}")


def test_a_workflow_names_its_repository() -> None:
    workflow = {"repository": REPOSITORY, "ref": "refs/heads/main", "path": "x.yml"}
    made = claim(
        {"buildDefinition": {"externalParameters": {"workflow": workflow}}}, kind="https://slsa.dev/provenance/v1"
    )
    assert decide(asks("slsa-source", {"repository": [REPOSITORY], "ref": ["refs/heads/main"]}), made).yes
    [failure] = no(decide(asks("slsa-source", {"repository": [REPOSITORY], "tag": ["v1"]}), made))
    assert failure.pointer == "/predicate/buildDefinition/externalParameters/workflow/ref"

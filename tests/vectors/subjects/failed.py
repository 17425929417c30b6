"""Scenarios: links and provenance of commands that failed, which verify and meet no requirement of a policy."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from tests.vectors.parts import SLSA, case, unmet, verified
from tests.vectors.subjects.policy import LINK, TRUST, requires, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.vectors.scenarios import Scenario


def link(name: str, material: str, *subjects: Mapping[str, Any], **byproducts: object) -> dict[str, Any]:
    """The link of a step that was given a.o."""
    predicate: dict[str, Any] = {"name": name, "materials": [{"name": "a.o", "digest": {"sha256": material}}]}
    if byproducts:
        predicate["byproducts"] = {key.replace("_", "-"): value for key, value in byproducts.items()}
    return signed(LINK, predicate, *subjects)


def cases() -> Iterator[Scenario]:
    """Links and provenance of commands that failed, which are signed and verify, and meet no requirement."""
    steps = [{"name": "build"}, {"name": "package"}]
    strict = {"anchors": ["release"], "rules": {"step-chain": {"steps": steps}}}
    made = "aa" * 32
    product = {"name": "a.o", "digest": {"sha256": made}}
    good: dict[str, Any] = {"return_value": 0}
    no = unmet("command-failed")
    for name, build, package, expect in (
        ("succeeded", good, good, verified(None)),
        ("zero-of-protobuf", {"return_value": 0.0}, good, verified(None)),
        ("not-said", {"stdout": ""}, {}, verified(None)),
        ("first", {"return_value": 1}, good, no),
        ("last", good, {"return_value": 3}, no),
        ("killed", {"return_value": 137, "signal": "SIGKILL"}, good, no),
        ("killed-and-zero", {"return_value": 0, "signal": "SIGKILL"}, good, no),
        ("negative", {"return_value": -9}, good, no),
        ("null", {"return_value": None}, good, no),
        ("text", {"return_value": "0"}, good, no),
        ("boolean", {"return_value": False}, good, no),
    ):
        allowed = [("-allowed", {"allow_failed": True}, verified(None))] if expect is no else []
        for more, allow, ends in (("", {}, expect), *allowed):
            yield case(
                f"policy-chain-command-{name}{more}",
                "A link of a command that failed meets no requirement, unless that has allow_failed.",
                "Whoever signs what runs signs failures too, and what they left behind is no product.",
                ends,
                envelope=link("package", made, **package),
                also={"build.json": link("build", "cc" * 32, product, **build)},
                trust=TRUST,
                policy=requires({**strict, **allow}),
            )
    run, failed = "urn:attest:buildtype:run:v1", "urn:attest:buildtype:run-failed:v1"
    builders = ["https://example.com/builders/*"]
    for name, kind, outcome, expect in (
        ("succeeded", run, b'{"return-value":0}', verified(None)),
        ("failed", failed, b'{"return-value":3}', no),
        ("failed-and-not-said", failed, None, no),
        ("succeeded-with-3", run, b'{"return-value":3}', no),
        ("succeeded-with-nonsense", run, b"[]", no),
        ("of-others", "https://example.com/build/v1", b'{"return-value":3}', verified(None)),
    ):
        predicate: dict[str, Any] = {
            "buildDefinition": {"buildType": kind, "externalParameters": {"run": {"step": "build"}}},
            "runDetails": {"builder": {"id": "https://example.com/builders/1"}},
        }
        if outcome is not None:
            told = {"name": "outcome", "content": b64encode(outcome).decode()}
            predicate["runDetails"]["byproducts"] = [told]
        for asked, requirement in (
            ("", {"anchors": ["release"], "rules": {"slsa-build": {"level": 2, "builders": builders}}}),
            ("-by-type", {"type": "slsa-provenance"}),
            ("-allowed", {"type": "slsa-provenance", "allow_failed": True}),
        ):
            yield case(
                f"policy-slsa-run-{name}{asked}",
                "Provenance of a run that failed meets no requirement, unless that has allow_failed.",
                "A VSA that is made of it would say that the artifact passed.",
                verified(None) if asked == "-allowed" else expect,
                envelope=signed(SLSA, predicate),
                trust=TRUST,
                policy=requires(requirement),
            )

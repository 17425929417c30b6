"""The HTML report in a real browser: it shows what it must, asks for nothing, runs nothing, and fits."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

from attest.cli import formats
from attest.cli.formats import _graph, _layout
from tests.support.making.verifications import CHAIN_STEPS, HOSTILE, SCENARIOS, run
from tests.support.reading import browser

CSS: Final = (Path(formats.__file__).parent / "report.css").read_text()
# What may stand in a page that runs nothing and asks for nothing.
TAGS: Final = set(
    "html head meta title style body header main footer section article figure figcaption div h1 h2 h3 h4 p span br "
    "strong dl dt dd table thead tbody tr th td details summary code a svg path rect circle text desc defs "
    "marker".split()
)
ATTRIBUTES: Final = set(
    "lang charset http-equiv content name class id scope data-head tabindex role open style href aria-label "
    "aria-labelledby aria-hidden width height viewbox x y x1 y1 rx cx cy r d refx refy markerwidth markerheight orient "
    "marker-end".split()
)
TELEPHONE: Final = 360  # pixels


class Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All that is said, styles aside."""
        return " ".join(" ".join(self.words).replace(CSS, "").split())


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of each scenario, in a file of its own."""
    made = {}
    for name in SCENARIOS:
        page = tmp_path_factory.mktemp(name) / "report.html"
        page.write_bytes(run(name, "html", page.parent).stdout)
        made[name] = page
    return made


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_page_holds_nothing_that_runs_or_is_elsewhere(name: str, reports: dict[str, Path]) -> None:
    page = Page(reports[name].read_text())
    assert {tag for tag, _ in page.tags} <= TAGS
    assert {attribute for _, attributes in page.tags for attribute in attributes} <= ATTRIBUTES
    assert all((one["href"] or "").startswith("#") for _, one in page.tags if "href" in one)
    assert not re.search(r"url\((?!#tip\))|@import|expression", CSS)
    policies = [one for tag, one in page.tags if tag == "meta" and "http-equiv" in one]
    assert [one["content"] for one in policies] == ["default-src 'none'; style-src 'unsafe-inline'"]


@pytest.mark.slow
def test_a_browser_shows_them_asks_for_nothing_and_a_telephone_fits_them(reports: dict[str, Path]) -> None:
    seen = browser.look(*reports.values(), width=TELEPHONE)
    assert seen.requests == []
    assert seen.console == []
    for (name, path), shown in zip(reports.items(), seen.pages, strict=True):
        # What the browser made of it is what was meant: no element more, none less.
        assert [tag for tag, _ in Page(shown.dom).tags] == [tag for tag, _ in Page(path.read_text()).tags], name
        assert shown.out == [], name
        assert shown.wide <= TELEPHONE, name
        assert shown.text > 100, name


@pytest.mark.slow
def test_a_page_that_does_ask_and_run_and_is_too_wide_is_seen_to(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<!DOCTYPE html><img src="http://127.0.0.1:9/x.png"><script>console.error("ran")</script>'
        '<p style="width: 400px">wide</p>'
    )
    seen = browser.look(page, width=TELEPHONE)
    assert seen.requests == ["http://127.0.0.1:9/x.png"]
    assert len(seen.console) == 1
    [shown] = seen.pages
    assert len(shown.out) == 1
    assert shown.wide > TELEPHONE


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_verdict_is_seen_in_the_light_and_in_the_dark(scheme: str, reports: dict[str, Path]) -> None:
    tones = {"chain": "yes", "refusal": "no", "unread": "open"}
    seen = browser.corners(*(reports[name] for name in tones), dark=scheme == "dark")
    assert seen == [colours(scheme)[tone] for tone in tones.values()]


@pytest.mark.slow
def test_it_is_printed_whole_on_paper(reports: dict[str, Path]) -> None:
    pdf = browser.paper(reports["chain"])
    assert pdf.startswith(b"%PDF-")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 12


def colours(scheme: str) -> dict[str, str]:
    """The colours of a scheme, as the style sheet names them."""
    light, dark = CSS.partition("@media screen and (prefers-color-scheme: dark)")[::2]
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    return found | (
        dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark.partition("\n}\n")[0])) if scheme == "dark" else {}
    )


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *(
            (ink, paper)
            for ink in ("ink", "soft")
            for paper in ("paper", "card", "code", "yes-bg", "no-bg", "open-bg", "step-bg")
        ),
        *((tone, paper) for tone in ("yes", "no", "open", "step") for paper in ("card", f"{tone}-bg")),
    ],
)
def test_text_has_the_contrast_that_eyes_need(scheme: str, ink: str, paper: str) -> None:
    found = colours(scheme)
    assert contrast(found[ink], found[paper]) >= 4.5


def test_the_verdict_stands_at_the_top_in_words(reports: dict[str, Path]) -> None:
    said = {
        "one": "Verified",
        "chain": "Verified",
        "refusal": "Not verified",
        "many": "Not verified",
        "unread": "Not decided",
    }
    for name, word in said.items():
        text = reports[name].read_text()
        assert f"<h1>{word}</h1>" in text
        assert text.index("<h1>") < min(text.index(f"<{tag}") for tag in ("h2", "table", "main") if f"<{tag}" in text)


def test_a_policy_is_told_by_requirement(reports: dict[str, Path]) -> None:
    yes, no = (Page(reports[name].read_text()).text for name in ("met", "unmet"))
    assert "The policy is met" in yes
    assert "Why it was rejected" not in yes
    assert "Ignored" in yes
    assert "2 of 2 requirements of the policy are not met" in no
    assert "requirement reviewed" in no
    assert "The predicate violates schema of the requirement." in no


def test_a_refusal_says_why_for_each_signature(reports: dict[str, Path]) -> None:
    text = Page(reports["refusal"].read_text()).text
    for code in (
        "threshold-not-met",
        "key-compromised",
        "key-expired",
        "key-unknown",
        "json-invalid",
        "artifact-not-covered",
    ):
        assert code in text
    assert "Valid, but the key is compromised in some anchor, so it never counts." in text
    assert "this one counts only if a timestamp proves that" in text


def test_who_vouches_is_named_with_anchors_and_keys(reports: dict[str, Path]) -> None:
    result = run("chain", "json", reports["chain"].parent).json
    text = Page(reports["chain"].read_text()).text
    for entry in result["envelopes"]:
        assert entry["envelope"] in text
        for signature in entry["signatures"]:
            assert signature["keyid"] in text
            assert all(anchor in text for anchor in signature["anchors"])


def test_what_no_known_key_signed_is_not_in_the_page(reports: dict[str, Path]) -> None:
    text = reports["refusal"].read_text()
    article = re.search(r'<article[^>]*id="a0".*?</article>', text, re.DOTALL)
    assert article is not None
    assert "https://" not in article[0]
    assert "ci.example/1" in text, "the others' claims are there"


def test_hostile_texts_are_shown_as_they_are_written(reports: dict[str, Path]) -> None:
    text = Page(reports["hostile"].read_text()).text
    for name in HOSTILE[:4]:
        shown = name.replace("##", r"#\x23").replace("\r", r"\r").replace("\n", r"\n")
        assert shown in text
    assert r"\x1b[31mred\x1b[0m\x00\x07\x7f\x9b2J\ufffe\u2028" in text
    assert r"\u202egpj.exe" in text
    assert max(map(len, Page(reports["hostile"].read_text().replace(CSS, "")).words)) < 4200
    assert all(character.isprintable() for character in reports["hostile"].read_text() if character != "\n")


def test_the_chain_is_joined_by_digests_and_nothing_else(tmp_path: Path) -> None:
    graph = _graph.of(run("chain", "json", tmp_path).json)
    names = {name: node.title for name, node in graph.nodes.items()}
    assert {(names[start], names[end]) for start, end in graph.edges} >= CHAIN_STEPS
    assert sum(node.wanted for node in graph.nodes.values()) == 3
    assert len(names) == len(set(names.values())), "a resource stands once, whoever speaks of it"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"sha256": "a" * 64}, {"sha256": "A" * 64}, True),
        ({"sha256": "a" * 64, "sha512": "b" * 128}, {"sha512": "b" * 128}, True),
        ({"sha256": "a" * 64, "sha512": "b" * 128}, {"sha256": "a" * 64, "sha512": "c" * 128}, False),
        ({"md5": "a" * 32}, {"md5": "a" * 32}, False),
        ({}, {}, False),
    ],
)
def test_two_resources_are_one_by_a_strong_digest(one: dict[str, str], other: dict[str, str], same: bool) -> None:
    envelope = {
        "envelope": "e",
        "result": "verified",
        "anchors": ["release"],
        "predicateType": "https://in-toto.io/attestation/link/v0.3",
        "subjects": [{"name": "other name", "digest": other}],
        "step": {"name": "make", "builder": None, "buildType": None, "materials": [{"name": "name", "digest": one}]},
    }
    graph = _graph.of({"envelopes": [envelope]})
    assert len([node for node in graph.nodes.values() if node.kind == "resource"]) == (1 if same else 2)


def test_a_crowd_is_drawn_as_a_few(tmp_path: Path) -> None:
    graph = _graph.of(run("many", "json", tmp_path).json)
    shown = _graph.drawable(graph)
    assert len(graph.nodes) > 500
    assert len(shown.nodes) <= 4
    assert sum(node.count for node in shown.nodes.values()) == len(graph.nodes)


def test_a_drawing_has_room_for_every_box_and_is_the_same_every_time() -> None:
    names = [f"n{index}" for index in range(40)]
    edges = [(f"n{a}", f"n{b}") for a in range(40) for b in (a * 7 % 40, a // 2, (a + 1) % 40)]
    sizes = dict.fromkeys(names, (100.0, 50.0))
    drawing = _layout.draw(sizes, edges, 1000)
    boxes = list(drawing.boxes.values())
    for index, one in enumerate(boxes):
        assert one.width / 2 - 0.1 <= one.x <= drawing.width - one.width / 2 + 0.1
        assert one.height / 2 - 0.1 <= one.y <= drawing.height - one.height / 2 + 0.1
        for other in boxes[:index]:
            assert abs(one.x - other.x) > 99 or abs(one.y - other.y) > 49, "two boxes stand on each other"
    assert set(drawing.edges) == {edge for edge in edges if edge[0] != edge[1]}
    assert _layout.draw(sizes, edges, 1000) == drawing

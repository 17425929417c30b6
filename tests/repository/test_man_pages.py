"""The manual pages in docs/man/ are those of the commands: `python -m tests.cli.make_man_pages` writes them again."""

from __future__ import annotations

from tests.cli.make_man_pages import PAGES, pages


def test_the_pages_say_what_the_commands_say() -> None:
    assert {path.name: path.read_text() for path in PAGES.iterdir()} == pages()


def test_no_line_of_a_text_is_a_request_and_every_line_fits() -> None:
    requests = (".TH ", ".SH ", ".SS ", ".TP", ".PP", ".nf", ".fi")
    for name, text in pages().items():
        lines = text.splitlines()
        assert not [line for line in lines if line.startswith((".", "'")) and not line.startswith(requests)], name
        assert [line for line in lines if line.startswith(".SH")][:3] == [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"]

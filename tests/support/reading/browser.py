"""A real Chromium without a window, by its command line alone, each time with a profile of its own."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zlib
from html import unescape
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from tests.support.missing import missing

if TYPE_CHECKING:
    from pathlib import Path

_DARK = "--blink-settings=preferredColorScheme=0"
_WIDTH = 640  # pixels of a page in a picture
# It stays off the network: what the browser would like to know for itself, and whatever a page asks for.
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
)


_FRAME = '<iframe width="%d" height="800" src="%s"></iframe>'
# A page of frames that says of each what was made of it, and what sticks out of its width.
_FRAMES = """<!DOCTYPE html><title>frames</title>%s<script>
onload = () => {
  document.title = JSON.stringify([...document.querySelectorAll("iframe")].map(({width, contentDocument: page}) => {
    const wide = page.documentElement.scrollWidth;
    const out = [...page.querySelectorAll("body *")].filter(one =>
      one.getBoundingClientRect().right > +width + 0.5 && !one.closest(".scroll, svg")).map(one => one.outerHTML);
    return {dom: page.documentElement.outerHTML, wide, out, text: page.body.innerText.length};
  }));
};
</script>"""
_STRIP = '<!DOCTYPE html><style>* {margin: 0; border: 0; color-scheme: light dark}</style><div style="display: flex">%s'


class Shown(NamedTuple):
    """What became of a page: its document, its width, the elements that stick out of the frame, and how much text."""

    dom: str
    wide: int
    out: list[str]
    text: int


class Seen(NamedTuple):
    """What became of pages, what they asked for elsewhere, and what the console said."""

    pages: list[Shown]
    requests: list[str]
    console: list[str]


def look(*pages: Path, width: int) -> Seen:
    """Load pages, each in a frame of its own that is `width` pixels wide, and wait until all are done.

    One browser shows them all, because to start one takes a second of processor time.
    """
    frames = pages[0].with_name("frames.html")
    frames.write_text(_FRAMES % "".join(_FRAME % (width, page.as_uri()) for page in pages))
    log = frames.with_suffix(".netlog")
    # The page of frames may read what is in them.
    ran = _run(frames, f"--log-net-log={log}", "--dump-dom", "--allow-file-access-from-files")
    netlog = json.loads(log.read_text())
    started = netlog["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    asked = [
        event["params"] for event in netlog["events"] if event["type"] == started and "url" in event.get("params", {})
    ]
    # The browser's own requests have no origin; those of a page in a file have the origin "null".
    expected = {one.as_uri() for one in (frames, *pages)}
    requests = [one["url"] for one in asked if one.get("initiator") != "not an origin" and one["url"] not in expected]
    console = [line for line in ran.stderr.splitlines() if ":CONSOLE" in line]
    [told] = re.findall(r"<title>(\[.*?\])</title>", ran.stdout)
    shown = [Shown(**one) for one in json.loads(unescape(told))]
    assert len(shown) == len(pages)
    return Seen(shown, requests, console)


def corners(*pages: Path, dark: bool = False) -> list[str]:
    """The colour of the first pixel of each page."""
    strip = pages[0].with_name("strip.html")
    strip.write_text(_STRIP % "".join(_FRAME % (_WIDTH, page.as_uri()) for page in pages))
    target = strip.with_suffix(".png")
    _run(strip, f"--screenshot={target}", f"--window-size={_WIDTH * len(pages)},800", *([_DARK] if dark else []))
    png = target.read_bytes()
    assert len(png) > 20_000 * len(pages), "the pages are empty"
    row = _first_row(png)
    return ["#" + row[at * _WIDTH].hex() for at in range(len(pages))]


def paper(page: Path) -> bytes:
    """The page as it is printed, as PDF."""
    target = page.with_suffix(".pdf")
    _run(page, f"--print-to-pdf={target}", "--no-pdf-header-footer")
    return target.read_bytes()


def _first_row(png: bytes) -> list[bytes]:
    """The pixels of the first row of an 8-bit PNG, in which no filter but one that looks to the left has an effect."""
    width, _, *kind = struct.unpack(">IIBB", png[16:26])
    assert kind in ([8, 2], [8, 6]), kind
    size = 3 if kind[1] == 2 else 4
    pieces, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        pieces += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    data = zlib.decompress(pieces)
    row = bytearray(data[1 : 1 + width * size])
    # Of the left: all (Sub, and Paeth where nothing is above), or half (Average).
    share = {0: 0, 1: 1, 2: 0, 3: 0.5, 4: 1}[data[0]]
    for at in range(size, len(row)):
        row[at] = (row[at] + int(row[at - size] * share)) % 256
    return [bytes(row[at : at + 3]) for at in range(0, len(row), size)]


def _run(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("chromium")
    if program is None:
        missing("missing: chromium (apt-get install chromium)")
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran

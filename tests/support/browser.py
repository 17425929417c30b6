"""A real Chromium without a window, by its command line alone, each time with a profile of its own."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import zlib
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from tests.support.missing import missing

if TYPE_CHECKING:
    from pathlib import Path

DARK = "--blink-settings=preferredColorScheme=0"
# It stays off the network: what the browser would like to know for itself, and whatever a page asks for.
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
)


class Seen(NamedTuple):
    """What became of a page: its document after loading, what it asked for elsewhere, and what the console said."""

    dom: str
    requests: list[str]
    console: list[str]


def look(page: Path) -> Seen:
    """Load a page and wait until it is done."""
    log = page.with_suffix(".netlog")
    ran = _run(page, f"--log-net-log={log}", "--dump-dom")
    netlog = json.loads(log.read_text())
    started = netlog["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    asked = [
        event["params"] for event in netlog["events"] if event["type"] == started and "url" in event.get("params", {})
    ]
    # The browser's own requests have no origin; those of a page in a file have the origin "null".
    requests = [one["url"] for one in asked if one.get("initiator") != "not an origin" and one["url"] != page.as_uri()]
    console = [line for line in ran.stderr.splitlines() if ":CONSOLE" in line]
    return Seen(ran.stdout, requests, console)


def picture(page: Path, *flags: str, width: int = 1280, height: int = 900) -> Path:
    """A screenshot of the window, as PNG."""
    target = page.with_suffix(".png")
    _run(page, f"--screenshot={target}", f"--window-size={width},{height}", *flags)
    return target


def paper(page: Path) -> bytes:
    """The page as it is printed, as PDF."""
    target = page.with_suffix(".pdf")
    _run(page, f"--print-to-pdf={target}", "--no-pdf-header-footer")
    return target.read_bytes()


def corner(png: bytes) -> str:
    """The colour of the first pixel of an 8-bit PNG; no filter changes that one."""
    header = struct.unpack(">IIBB", png[16:26])
    assert header[2:] in ((8, 2), (8, 6)), header
    pieces, at = b"", 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        pieces += png[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    return "#" + zlib.decompress(pieces)[1:4].hex()


def _run(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("chromium")
    if program is None:
        missing("missing: chromium (apt-get install chromium)")
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [program, *_FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran

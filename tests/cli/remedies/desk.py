"""A folder with keys, a trust bundle, artifacts and attestations, in which a user types command lines."""

from __future__ import annotations

import json
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attest.envelope import Envelope
from attest.signers import open_signer
from tests.support.cli.calls import call
from tests.support.cli.inputs import key_pem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.support.cli.calls import Ran

REVIEW = "https://example.com/review/v1"
VERIFY = "verify app.json --trust trust.json --artifact app.bin"
NAMES = ("release", "second", "other")

# The stories by code; a story is a function with a Desk.
STORIES: dict[str, list[Callable[[Desk], None]]] = {}


def remedy(*codes: str) -> Callable[[Callable[[Desk], None]], Callable[[Desk], None]]:
    """Mark a story as that of codes: it meets each of them, and then does what the page says."""

    def mark(story: Callable[[Desk], None]) -> Callable[[Desk], None]:
        for code in codes:
            STORIES.setdefault(code, []).append(story)
        return story

    return mark


class Desk:
    """The folder, which is the current one, and what is typed in it."""

    def __init__(self) -> None:
        for name in NAMES:
            Path(f"{name}.pem").write_bytes(key_pem(name))
            Path(f"{name}.pem").chmod(0o600)
            Path(f"{name}.pub").write_bytes(_public(name))
        Path("trust.json").write_bytes(_trust())
        for name in ("app.bin", "lib.bin"):
            Path(name).write_bytes(name.encode())

    def do(self, line: str, says: str = "") -> Ran:
        """What ends well, and says something."""
        return self.ends(0, line, says)

    def no(self, code: str, line: str) -> Ran:
        """What is answered with a no of this code, and a hint or another line that leads on."""
        return self.ends(1, line, code)

    def ends(self, exit_code: int, line: str, says: str = "") -> Ran:
        """What ends with this exit code."""
        ran = call(*shlex.split(line))
        shown = (ran.stdout + ran.stderr).decode()
        assert ran.code == exit_code, shown
        assert says in shown, shown
        return ran

    def write(self, name: str, content: str) -> str:
        """A file."""
        Path(name).write_text(content)
        return name

    def change(self, name: str, edit: Callable[[dict[str, Any]], object]) -> None:
        """Change a JSON document as with an editor."""
        document = json.loads(Path(name).read_bytes())
        edit(document)
        Path(name).write_text(json.dumps(document))

    def attested(
        self,
        name: str,
        *files: str,
        kind: str = REVIEW,
        predicate: Mapping[str, Any] | None = None,
        by: Sequence[str] = ("release",),
    ) -> str:
        """The file `name` with an attestation of files, as `attest build` and `attest sign` make it."""
        more = ""
        if predicate is not None:
            self.write("predicate.json", json.dumps(predicate))
            more = " --predicate predicate.json"
        self.do(f"build {shlex.join(files)} --type {kind}{more} -o built.json")
        self.do(f"sign built.json {' '.join(f'--signer file:{one}.pem' for one in by)} -o {name}")
        Path("built.json").unlink()
        return name

    def foreign(self, name: str, *subjects: Mapping[str, Any], by: str = "release", **fields: Any) -> str:
        """An attestation that `attest build` would not make, by a trusted key."""
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": list(subjects),
            "predicateType": REVIEW,
            "predicate": {},
        }
        return self.signed(name, json.dumps({**statement, **fields}).encode(), by=by)

    def signed(
        self, name: str, payload: bytes, *, by: str = "release", payload_type: str = "application/vnd.in-toto+json"
    ) -> str:
        """Any payload, signed."""
        bare = Envelope(payload, payload_type)
        with open_signer(f"file:{by}.pem") as signer:
            envelope = bare.with_signatures(signer.sign(bytes(bare.pae())))
        Path(name).write_bytes(envelope.to_json())
        return name


@cache
def _public(name: str) -> bytes:
    return call("key", "export", f"file:{name}.pem").done().stdout


@cache
def _trust() -> bytes:
    return call("trust", "init", "--anchor", "release", "--key", "release.pub").done().stdout

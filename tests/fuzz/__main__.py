"""Fuzzes one target from its corpus, and exits 1 on a finding: `python -m tests.fuzz NAME [SECONDS]`; or lists them.

Rule: fixtures/corpus is only read, unless `--keep` says to add the inputs that reach what no kept one does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from tests.fuzz.targets import Target, named, names

_T = TypeVar("_T")

ROOT: Final = Path(__file__).parents[2]
CORPUS: Final = ROOT / "fixtures" / "corpus"
LARGEST: Final = 8192  # bytes of an input
SECONDS_EACH: Final = 10  # that one input may take
MEGABYTES: Final = 2048
COMMAND: Final = [sys.executable, "-m", "tests.fuzz.engine"]

_END: Final = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)")


class Outcome(NamedTuple):
    """What a run came to; `finding` is the input that must not be, with what was printed about it."""

    executions: int
    coverage: int
    features: int
    finding: bytes | None
    output: str


class Engine(Protocol):
    """What runs libFuzzer: the exit code, and what was printed."""

    def __call__(self, target: Target, folder: Path, *arguments: str | Path) -> tuple[int, str]:
        """Run it for a target, with a folder for findings."""


def fresh(target: Target, folder: Path, *arguments: str | Path) -> tuple[int, str]:
    """The engine in a process of its own."""
    command = [*COMMAND, target.name, f"{folder}/finding", *map(str, arguments)]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return ran.returncode, ran.stdout


class Server:
    """The engine as a process that imports everything once and forks for each target."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            COMMAND,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, target: Target, folder: Path, *arguments: str | Path) -> tuple[int, str]:
        """Run it in a child of the process."""
        output = folder / "output"
        asked = [target.name, f"{folder}/finding", str(output), *map(str, arguments)]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return code, output.read_text(errors="replace")

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def fuzz(
    target: Target,
    seconds: int = 0,
    *,
    runs: int = -1,
    keep: bool = False,
    most: int | None = None,
    engine: Engine = fresh,
) -> Outcome:
    """Fuzz for `seconds` or so many `runs`, from the corpus and the target's seeds, or about `most` of each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found, seeds, kept = folder / "found", folder / "seeds", folder / "kept"
        for one in (found, seeds, kept):
            one.mkdir()
        for data in _some([data for data in target.seeds() if len(data) <= LARGEST], most):
            store(seeds, data)
        for path in _some(corpus(target.name), most):
            store(kept, path.read_bytes())
        limits = [f"-timeout={SECONDS_EACH}", f"-rss_limit_mb={MEGABYTES}", f"-max_len={LARGEST}"]
        amount = [f"-max_total_time={seconds}", f"-runs={runs}"]
        code, output = engine(target, folder, found, kept, seeds, *limits, *amount)
        written = sorted(folder.glob("finding-*"))
        finding = written[0].read_bytes() if written else b"" if code else None
        if keep and finding is None:
            # Shortest first, and only what reaches a branch that nothing before it does; what is kept stays kept.
            engine(target, folder, kept, found, seeds, "-merge=1", "-use_counters=0", *limits)
            for path in kept.iterdir():
                store(CORPUS / target.name, path.read_bytes())
        progress = _END.findall(output)
        executions, coverage, features = map(int, progress[-1] if progress else (0, 0, 0))
        return Outcome(executions, coverage, features, finding, output)


def corpus(name: str) -> list[Path]:
    """The inputs that are kept for a target."""
    return sorted((CORPUS / name).glob("*"))


def store(folder: Path, data: bytes) -> Path:
    """Write an input into a folder, under the SHA-1 by which libFuzzer names it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()
    path.write_bytes(data)
    return path


def _some(given: list[_T], most: int | None) -> list[_T]:
    return given if most is None else given[:: max(1, len(given) // most)]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz one target.")
    parser.add_argument(
        "name", nargs="?", choices=names(), metavar="NAME", help="a target; without one they are listed"
    )
    parser.add_argument("seconds", nargs="?", type=int, default=60, metavar="SECONDS", help="for how long (60)")
    parser.add_argument(
        "--keep", action="store_true", help="add the inputs that reach something new to fixtures/corpus"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), help="the folder for an input that is a finding (.)"
    )
    chosen = parser.parse_args()
    if chosen.name is None:
        for name in names():
            print(f"{name:16} {len(corpus(name)):4} inputs  {named(name).summary}")
        return 0
    outcome = fuzz(named(chosen.name), chosen.seconds, keep=chosen.keep)
    print(f"{chosen.name}: {outcome.executions} inputs, cov {outcome.coverage}, ft {outcome.features}", end="")
    if outcome.finding is None:
        print(", no finding")
        return 0
    print(", A FINDING:")
    print("\n".join(line for line in outcome.output.splitlines() if not line.startswith(("#", "INFO:"))))
    print(f"the input: {store(chosen.output, outcome.finding)}")
    return 1


if __name__ == "__main__":
    sys.exit(main())

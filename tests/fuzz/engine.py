"""The process that fuzzes one target: `python -m tests.fuzz.engine NAME FINDING`, and what libFuzzer takes behind it.

Rule: it is started by tests/fuzz/__main__.py alone, as libFuzzer ends its own process and prints as it likes. Without
arguments it is a server that forks for each target: importing everything with counters takes seconds, and happens once.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import atheris

from tests.support.imports import IRIS


def main(name: str, finding: str, arguments: list[str]) -> None:
    """Fuzz with libFuzzer's `arguments`, among them folders of inputs; a finding is written to files that begin so."""
    with atheris.instrument_imports(include=["attest"]):
        from tests.fuzz.mutation import Mutator
        from tests.fuzz.targets import named

        target = named(name)
        check = atheris.instrument_func(target.check)

        def judge(data: bytes) -> None:
            try:
                check(data)
            except BaseException:
                # libFuzzer writes it too when its process ends, if no other library's end comes before.
                Path(f"{finding}-input").write_bytes(data)
                raise

        folders = [Path(argument) for argument in arguments if not argument.startswith("-")]
        seen = [path.read_bytes() for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
        # What is imported where it is needed must be there, and counted, before the fuzzer looks at what there is.
        for data in seen[:: max(1, len(seen) // 50)]:
            try:
                target.check(data)
            except BaseException:  # noqa: BLE001, S112  # the fuzzer comes to it again, and says so
                continue
        # Looked up late: Fuzz() puts another Mutate in the place of the one that stands there now.
        mutator = Mutator(seen, lambda data, most: atheris.Mutate(data, most))
        # To merge, libFuzzer starts itself again, by way of a shell.
        again = shlex.join([sys.executable, "-m", "tests.fuzz.engine", name, finding])
        atheris.Setup([again, f"-artifact_prefix={finding}-", *arguments], judge, custom_mutator=mutator)
        atheris.Fuzz()


def serve() -> None:
    """For each line on standard input, a list of NAME, FINDING, a file for the output and arguments: the exit code."""
    with atheris.instrument_imports(include=["attest"]):
        from tests.fuzz.targets import named, names

        for name in names():
            named(name)
    if find_spec(IRIS):
        import_module(IRIS)  # or each child that needs it would take the seconds again
    for line in sys.stdin:
        name, finding, output, *arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            with open(output, "wb") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            main(name, finding, arguments)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:]) if sys.argv[1:] else serve()

"""`python -m tests.benchmarks [NAME ...]`: what is promised beside what is measured, in one table.

docs/reference/benchmarks.md says how to read it.

Rule: each benchmark has a process of its own, one after another, since two at once would measure each other.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from tests.benchmarks._measures import NAMES, TOGETHER, Measure, load, rank

LIMIT = 298.0  # seconds after which the last of all benchmarks is ended
ROW = "{:<6}{:<57}{:>12}{:>14}  {}"


def main() -> int:
    """Print the table. A target that is missed is marked and no failure: machines differ, and other work slows them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=float, help="let each take this long instead of what it declares")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured as JSON")
    options = parser.parse_args()
    began = monotonic()
    names = options.names or sorted(NAMES, key=lambda name: rank(load(name)))
    waiting = {name: options.seconds or load(name).SECONDS for name in names}
    whole = not (options.names or options.seconds)
    print(ROW.format("issue", "", "target", "measured", "").rstrip())
    results, faults = [], []
    while waiting:
        name, wanted = next(iter(waiting.items()))
        spent = monotonic() - began
        share = wanted * min(1.0, max(0.0, TOGETHER - spent) / sum(waiting.values())) if whole else wanted
        patience = min(2 * wanted + 20, LIMIT - spent) if whole else 2 * wanted + 20
        found, fault = measured(name, share, patience) if patience > 0 else ({}, "no time was left")
        faults += [f"{name}: {fault}"] if fault else []
        for key, measure in load(name).MEASURES.items():
            results.append(described(name, key, measure, found.get(key)))
            print(row(measure, found.get(key)), flush=True)
        del waiting[name]
    short = sum(result["short"] is True for result in results)
    missing = sum(result["value"] is None for result in results)
    print(f"\n{len(results)} measures, {short} short of their target, {missing} not measured.")
    print(
        f"On average {os.getloadavg()[1]:.1f} processes wanted one of {os.cpu_count()} processors, this one included."
    )
    print(*faults, sep="\n", end="\n" if faults else "")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 1 if faults else 0


def measured(name: str, seconds: float, patience: float) -> tuple[dict[str, float], str]:
    """What a benchmark found, and what went wrong, if anything did. After `patience` it is ended, with its children."""
    # As users have it: without the files of compiled modules every start would compile them again.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks._measures", name, str(seconds)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, errors = child.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, errors = child.communicate()
        errors = f"ended after {patience:.0f} seconds"
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    found = dict(json.loads(line) for line in output.splitlines())
    return found, errors.strip().rpartition("\n")[2] or "failed" if child.returncode else ""


def row(measure: Measure, value: float | None) -> str:
    """One line of the table."""
    shown = "not measured" if value is None else f"{number(value)} {measure.unit}"
    mark = "short" if value is not None and measure.falls_short(value) else ""
    return ROW.format(measure.promise, measure.what, measure.target, shown, mark).rstrip()


def number(value: float) -> str:
    """With three digits at least, and none that means nothing."""
    return (
        f"{value:.0f}"
        if abs(value) >= 100 or value == int(value)
        else f"{value:.1f}"
        if value >= 10
        else f"{value:.2f}"
    )


def described(name: str, key: str, measure: Measure, value: float | None) -> dict[str, Any]:
    """The same for a program."""
    return {
        "benchmark": name,
        "measure": key,
        "issue": measure.promise,
        "what": measure.what,
        "unit": measure.unit,
        "at_least": measure.at_least,
        "at_most": measure.at_most,
        "value": value,
        "short": None if value is None else measure.falls_short(value),
    }


if __name__ == "__main__":
    sys.exit(main())

"""Clients that are wrong in one way each: `python toy.py KIND capabilities`, `python toy.py KIND verify FILE|-`.

Only the standard library, as each is a process that must start fast.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

LAYERS = ["dsse", "payload_type", "statement", "subject"]


def right(scenario: dict[str, Any]) -> dict[str, str]:
    """What is expected or recommended, which a client is not told: it is looked up."""
    [path] = (Path(__file__).parents[2] / "fixtures" / "kit").rglob(f"{scenario['id']}.json")
    expect = json.loads(path.read_bytes())["expect"]
    return {name: one.get("recommended", one["is"].removeprefix("must-")) for name, one in expect.items()}


def answer(kind: str, scenario: dict[str, Any]) -> str:
    verdict = dict.fromkeys(LAYERS, "accept")
    match kind:
        case "refuses":
            verdict = {"dsse": "reject"}
        case "right" | "once":
            verdict = right(scenario)
        case "one-answer":
            verdict = {"all": "reject" if "reject" in right(scenario).values() else "accept"}
        case "evasive":
            refused = right(scenario) == {"dsse": "reject"}
            verdict = {"dsse": "reject"} if refused else dict.fromkeys(LAYERS, "unsupported")
        case "halfway":
            verdict = {"dsse": "accept"}
        case "raises":
            verdict = {"dsse": "crash"}
        case "maybe":
            verdict = {"dsse": "maybe"}
        case "crashes":
            os.abort()
        case "hangs":
            time.sleep(600)
        case "garbage":
            return "Verified OK"
        case "silent":
            sys.exit(0)
        case "greedy":
            bytearray(2 << 30)
        case "chatty":
            return "{}\n" + json.dumps({"id": scenario["id"], "dsse": "reject"})
        case "mixed-up":
            return json.dumps({"id": "another", "dsse": "accept"})
        case "unsupported":
            sys.exit(2)
    return json.dumps({"id": scenario["id"], **verdict})


if __name__ == "__main__":
    kind, command, *path = sys.argv[1:]
    many = kind not in ("once", "chatty", "unsupported")
    layers = ["all"] if kind == "one-answer" else LAYERS
    said = {"kit": 1, "name": kind, "version": "0", "layers": layers, "algorithms": ["ed25519"], "many": many}
    if command == "capabilities":
        print("no JSON" if kind == "mute" else json.dumps(said))
    elif path == ["-"]:
        for line in sys.stdin:
            scenario = json.loads(line)
            assert "expect" not in scenario  # the runner doesn't tell
            print(answer(kind, scenario), flush=True)
    else:
        with open(path[0], encoding="utf-8") as file:
            print(answer(kind, json.load(file)))

"""What the formats for people show of a result: the verdict in words, and all problems.

Rule: no problem is left out, and nothing is called verified unless the result calls it so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from attest.cli.formats import _codes
from attest.schema import predicate_documents

if TYPE_CHECKING:
    from collections.abc import Mapping

VERDICT: Final = {"verified": "Verified", "rejected": "Not verified", "error": "Not decided"}
SCHEMA: Final = {"checked": "schema checked", "unknown": "no known schema", "skipped": "schema not checked"}
_UNCOVERED: Final = "artifact-not-covered"
# As attest.sources._reading names them.
_PLACE: Final = re.compile(r"(.+\.[a-z]+|-)(?::([0-9]{1,9}))?(?:#[0-9]{1,9})?", re.DOTALL)
_DIGEST: Final = re.compile(r"[a-z0-9]+:[0-9a-f]+(?:#[0-9]+)?")


class Problem(NamedTuple):
    """Something that went wrong, and the file that it is about: an envelope, an artifact, an attestation that does not
    meet a requirement, or the whole call.

    `result` is `rejected` or `error`; `pointer` is the JSON pointer in the file, or empty; `requirement` is its id.
    """

    kind: Literal["envelope", "artifact", "requirement", "call"]
    about: str
    result: Literal["rejected", "error"]
    code: str
    message: str
    hint: str | None = None
    pointer: str = ""
    requirement: str = ""

    @property
    def reason(self) -> str:
        """The message without the name that it begins with, if the name is shown beside it."""
        return self.message.removeprefix(f"{self.about}: ")

    @property
    def meaning(self) -> str:
        """What the code means, in a sentence."""
        return _codes.meaning(self.code, "requirement" if self.kind == "requirement" else self.result)


def failures(result: dict[str, Any]) -> list[Problem]:
    """Every reason why the result is not `verified`; if none of its parts says why, the error of the whole call.

    What is ignored is no failure, but one that a signer could not check is.
    """
    found = [_failure("envelope", entry) for entry in _unverified(result) if _decides(entry, result)]
    unmet = [met for met in requirements(result) if met["wanted"] and not met["met"]]
    found += [_of_requirement(met, failure, result) for met in unmet for failure in met["failures"]]
    if not found and result["exit"] != 0 and result["code"] != _UNCOVERED:
        found.append(_failure("call", result))
    for artifact in result.get("artifacts") or []:
        if not artifact["covered_by"]:
            name = artifact["artifact"]
            message = f"{name}: no verified attestation is about this artifact"
            found.append(Problem("artifact", name, result["result"], _UNCOVERED, message))
    return found


def alike(failures: list[Problem]) -> list[list[Problem]]:
    """Failures grouped: those of a group differ only in what they are about."""
    found: dict[Problem, list[Problem]] = {}
    for failure in failures:
        found.setdefault(failure._replace(about="", message=failure.reason), []).append(failure)
    return list(found.values())


def counting(result: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The envelopes that are not ignored, each with its place in the result."""
    return [item for item in enumerate(result.get("envelopes", [])) if not item[1].get("ignored")]


def ignored(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What is ignored, with `name`, `code`, `message` and `hint`: of each code the first."""
    passed = [{**entry, "name": entry["envelope"]} for entry in _unverified(result) if not _decides(entry, result)]
    return [*passed, *result.get("not_understood", [])]


def ignored_alike(result: dict[str, Any]) -> list[tuple[str, str, list[str], int]]:
    """What is ignored, by code: the code, the reason of the first, the names that are known, and their number."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in ignored(result):
        found.setdefault(entry["code"], []).append(entry)
    numbers = result.get("ignored", {}).get("codes", {})
    return [
        (
            code,
            entries[0]["message"].removeprefix(f"{entries[0]['name']}: "),
            [entry["name"] for entry in entries],
            max(numbers.get(code, 0), len(entries)),
        )
        for code, entries in found.items()
    ]


def notes(entry: Mapping[str, Any]) -> list[str]:
    """What the producer of an attestation did wrong and does not change the result, each with its place."""
    return [
        f"{note['pointer']}: {note['message']}" if note["pointer"] else note["message"]
        for note in entry.get("notes", [])
    ]


def policies(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What each policy decided: its `file`, `sha256`, `decision`, `summary`, `vsa` and `levels`."""
    found: list[dict[str, Any]] = result.get("policy", {}).get("policies", [])
    return found


def requirements(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The requirements of the policies and, if one was accepted, the VSA instead of them.

    With several policies the `id` begins with the file of the policy. `wanted`: the policy is not met.
    """
    decisions = policies(result)
    found = []
    for policy in decisions:
        own = [met for met in result["policy"]["requirements"] if met["policy"] == policy["file"]]
        for met in [*own, *([] if policy["vsa"] is None else [{"policy": policy["file"], **policy["vsa"]}])]:
            name = met["id"] if len(decisions) == 1 else f"{policy['file']}: {met['id']}"
            found.append({**met, "id": name, "wanted": policy["decision"] == "no"})
    return found


def headline(result: dict[str, Any]) -> str:
    """The verdict as a sentence."""
    envelopes = [entry for _, entry in counting(result)]
    artifacts = result.get("artifacts") or []
    good = sum(entry["result"] == "verified" for entry in envelopes)
    covered = sum(bool(artifact["covered_by"]) for artifact in artifacts)
    parts = [] if "policy" not in result else [_decided(result["policy"])]
    parts += [_of(good, len(envelopes), "attestation", "attestations", "verified")] if envelopes else []
    if artifacts:
        parts.append(_of(covered, len(artifacts), "artifact", "artifacts", "attested"))
    elif envelopes and result.get("artifacts") is None:
        parts.append("no artifact was checked (--no-artifact)")
    ended = "" if result["result"] != "error" else "Nothing was decided: an input or a signer is not available. "
    if number := result.get("ignored", {}).get("number"):
        parts.append(f"{number:,} ignored")
    text = "; ".join(parts)
    return ended + (f"{text[0].upper()}{text[1:]}." if text else "")


def place(name: str, result: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """The file of an envelope, and its line if the file has several; without its number in a container.

    None for what is stored beside an image: it is in no file, and is named as the image is.
    """
    image = result.get("image")
    if image is not None and _DIGEST.fullmatch(name.removeprefix(image["name"].removesuffix(image["digest"]))):
        return None, None
    found = _PLACE.fullmatch(name)
    return (found[1], None if found[2] is None else int(found[2])) if found else (name, None)


def counts_for(signature: dict[str, Any]) -> str:
    """What became of a signature, in a few words."""
    if signature["code"] is not None:
        return f"not counted: {signature['code']}"
    return "counted, also checked by the signer" if signature.get("checked_by") == "signer" else "counted"


def signer(signature: Mapping[str, Any]) -> str | None:
    """Who signed, as an authority confirms it; None for a signature whose key is listed, or that nobody confirms."""
    who = signature.get("identity")
    if who is None:
        return None
    issued = "" if who["issuer"] is None else f", issuer {who['issuer']}"
    source = who["claims"].get("source-repository-uri")
    built = "" if source is None else f", source {source}"
    return f"{who['san_type']}:{who['san']}{issued}{built}, authority {who['authority']}"


def signers(entry: Mapping[str, Any]) -> list[str]:
    """Who made the signatures of an attestation that count: identities, and the keyids of listed keys."""
    counted = [signature for signature in entry.get("signatures", []) if signature["code"] is None]
    return list(dict.fromkeys(signer(one) or f"key {one['keyid']}" for one in counted))


def identities(result: Mapping[str, Any]) -> list[str]:
    """Who signed what verified, by certificate. Keys are listed, but the identities of one entry can be many."""
    verified = [entry for entry in result.get("envelopes", []) if entry["result"] == "verified"]
    found = [signer(one) for entry in verified for one in entry["signatures"] if one["code"] is None]
    return list(dict.fromkeys(who for who in found if who is not None))


def unverified_signer(signature: Mapping[str, Any]) -> str | None:
    """Who the certificate of a signature that does not count claims to name, and why it does not count."""
    who = signature.get("unverified_identity")
    if who is None:
        return None
    issued = "" if who["issuer"] is None else f", issuer {who['issuer']}"
    why = f": {signature['message']}" if signature.get("message") else ""
    return f"the certificate names, unverified, {who['san_type']}:{who['san']}{issued}{why}"


def proven(signature: Mapping[str, Any]) -> str | None:
    """The time that is proven of a signature, and by whom, or why its timestamps prove nothing; None without any."""
    who = signature.get("identity")
    if who is not None:
        by = f"proven by {' and '.join(who['proven_by'])}" if who["proven_by"] else "the time of verification"
        return f"certificate valid at {who['time']} ({by})"
    timestamp = signature.get("timestamp")
    if timestamp is None:
        return None
    if timestamp["time"] is not None:
        return f"signed before {timestamp['time']}, by the timestamp of {timestamp['authority']}"
    return f"timestamp not counted: {timestamp['message']} ({timestamp['code']})"


def type_name(uri: str) -> str:
    """A short name for a predicate type: our own, or the end of the URI."""
    for name, document in predicate_documents().items():
        if uri == document["$id"] or uri in document.get("x-aliases", ()):
            return name
    parts = [part for part in uri.split("/") if part]
    return "/".join(parts[-2:]) or uri


def digest(digests: Mapping[str, str]) -> str:
    """One digest, `ALGORITHM:HEX`: SHA-256 if there is one."""
    if not digests:
        return "no digest"
    name = "sha256" if "sha256" in digests else min(digests)
    return f"{name}:{digests[name]}"


def label(descriptor: Mapping[str, Any]) -> str:
    """The name of a resource."""
    return str(descriptor.get("name") or descriptor.get("uri") or digest(descriptor.get("digest") or {}))


def _of(number: int, total: int, noun: str, nouns: str, state: str) -> str:
    """`the NOUN is STATE` of a single one, and `2 of 3 NOUNS are STATE` of several."""
    if total == 1:
        return f"the {noun} is {state}" if number else f"the {noun} is not {state}"
    return f"{f'all {total:,}' if number == total else f'{number:,} of {total:,}'} {nouns} are {state}"


def _decided(decision: dict[str, Any]) -> str:
    each = decision["policies"]
    if len(each) > 1:
        return _of(sum(one["decision"] == "yes" for one in each), len(each), "policy", "policies", "met")
    if decision["decision"] == "yes":
        return "the policy is met"
    unmet = sum(not met["met"] for met in decision["requirements"])
    return f"{unmet:,} of {len(decision['requirements']):,} requirements of the policy are not met"


def _unverified(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry for entry in result.get("envelopes", []) if entry["result"] != "verified"]


def _decides(entry: dict[str, Any], result: dict[str, Any]) -> bool:
    """Whether an envelope that is not verified is a reason for the result."""
    return not entry.get("ignored") or entry["result"] == result["result"] == "error"


def _of_requirement(met: dict[str, Any], failure: dict[str, Any], result: dict[str, Any]) -> Problem:
    about, name = failure["attestation"] or met["policy"], met["id"]
    message = f"{about}: requirement {name}: {failure['message']}"
    why = failure["code"], message, failure["hint"], failure["pointer"] or "", name
    return Problem("requirement", about, result["result"], *why)


def _failure(kind: Literal["envelope", "call"], entry: dict[str, Any]) -> Problem:
    """The problem of a result or an envelope; its place is `FILE`, `FILE: POINTER`, or something else."""
    head, colon, last = (entry.get("where") or "").rpartition(": ")
    pointer = last if colon and last.startswith("/") else ""
    about = entry.get("envelope") or (head if pointer else entry.get("where") or "attest")
    return Problem(kind, about, entry["result"], entry["code"], entry["message"], entry["hint"], pointer)

"""OpenSSF model signing: a directory is the model if its files are the signed resources, all of them and no others.

Rule: as model_signing.verifying compares them; only what is signed as ignored is ignored, and no link leads to files
that are not signed.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from attest._base import files
from attest.artifacts import ArtifactCheck, match

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from attest.artifacts import Artifact
    from attest.statement import Statement

_V1: Final = "https://model_signing/signature/v1.0"
# The names of model_signing's `hash_type`, with the length in hex digits; it has blake3 too.
_ALGORITHMS: Final = {"sha256": 64, "blake2b": 128}
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_ITSELF: Final = "."  # the name of a model that is one file
_NAMED: Final = 4
_HINTS: Final = {
    "are not signed": (
        "Only what the attestation lists as ignored is left out. Keep other files, and the signature, elsewhere."
    ),
    "are missing": "Get the whole model, as it was signed.",
    "were changed": "Get the model again, as it was signed.",
}


class _Model(NamedTuple):
    """What is signed about a model: the digest of each file by its name, and what is left out."""

    digests: Mapping[str, str]
    algorithm: str
    allow_symlinks: bool = False
    ignored: tuple[PurePosixPath, ...] = ()


class _Refused(Exception):
    """Why a directory is not the model; the code, the sentence and, where useful, a hint."""


def match_statement(artifact: Artifact, statement: Statement) -> ArtifactCheck:
    """Whether a directory, or the file of a model that is one file, is what was signed.

    A digest is compared with that of the model, SHA-256 over the digests of its resources.
    """
    document = statement._content.whole()
    try:
        signed = _signed(document)
        if not artifact.is_file or (document["predicateType"] != _V1 and not os.path.isdir(artifact.name)):
            if artifact.name == "-" and document["predicateType"] == _V1:
                raise _Refused("artifact-mismatch", "a model is a directory, so it cannot be read from standard input")
            return match(artifact, statement._content.digests())
        _compare(artifact, signed if isinstance(signed, _Model) else _unsupported(signed))
    except _Refused as refused:
        code, message, *hint = refused.args
        return ArtifactCheck(artifact, (), code, message, *hint)
    return ArtifactCheck(artifact, tuple(range(len(document["subject"]))))


def _unsupported(what: str) -> _Model:
    raise _Refused("model-unsupported", f"the model was signed {what}, which attest does not compare")


def _signed(document: Mapping[str, Any]) -> _Model | str:
    """What is signed, or how it was signed if that is not supported."""
    subjects = document["subject"]
    if document["predicateType"] != _V1:  # release 0.2: each file is a subject
        digests = _unique([(subject.get("name"), subject["digest"].get("sha256")) for subject in subjects])
        return _Model(digests, "sha256")
    predicate = document.get("predicate")
    serialization = predicate.get("serialization") if isinstance(predicate, dict) else None
    resources = predicate.get("resources") if isinstance(predicate, dict) else None
    if not isinstance(serialization, dict) or not isinstance(resources, list):
        raise _Refused("model-invalid", "the attestation does not list the files of the model")
    pairs, algorithms = [], set()
    whole = hashlib.sha256()
    for resource in resources:
        if not isinstance(resource, dict) or not _is_hex(resource.get("digest")):
            raise _Refused("model-invalid", "a resource of the model has no digest in lower-case hex")
        whole.update(bytes.fromhex(resource["digest"]))
        algorithms.add(str(resource.get("algorithm")))
        pairs.append((resource.get("name"), resource["digest"]))
    if len(subjects) != 1 or subjects[0]["digest"].get("sha256") != whole.hexdigest():
        raise _Refused("model-invalid", "the one subject is not the digest of the listed resources")
    if serialization.get("method") != "files":
        return f"by the method {serialization.get('method')!r}"
    algorithm = serialization.get("hash_type")
    if algorithm not in _ALGORITHMS or algorithms - {algorithm}:
        return f"with the digests {', '.join(sorted({str(algorithm), *algorithms}))}"
    links, ignored = serialization.get("allow_symlinks", False), serialization.get("ignore_paths") or []
    if not isinstance(links, bool) or not isinstance(ignored, list) or not all(isinstance(x, str) for x in ignored):
        raise _Refused("model-invalid", "`allow_symlinks` is not a boolean, or `ignore_paths` is not a list of names")
    return _Model(_unique(pairs), algorithm, links, tuple(map(PurePosixPath, ignored)))


def _unique(pairs: list[tuple[Any, Any]]) -> dict[str, str]:
    """The digests by name. A name that could mean another file than it says is refused."""
    found: dict[str, str] = {}
    for name, digest in pairs:
        if not isinstance(name, str) or not _is_plain(name) or name in found or not _is_hex(digest):
            raise _Refused("model-invalid", f"the file {name!r:.200} is listed twice, or is not inside the model")
        found[name] = digest
    if not found:
        raise _Refused("model-invalid", "the attestation lists no files")
    return found


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return str(path) == name and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _is_hex(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _compare(artifact: Artifact, model: _Model) -> None:
    """Raises _Refused if the files are not those that are signed, and InputError if one cannot be read."""
    if not os.path.isdir(artifact.name):
        if set(model.digests) != {_ITSELF}:
            raise _Refused("artifact-mismatch", "the attestation is about the directory of a model: name the directory")
        there: Collection[str] = [_ITSELF]
    else:
        try:
            there = set(_files_below(artifact.name, model))
        except OSError as error:
            raise files.unreadable(artifact.name, error) from None
    _demand_none(set(there) - set(model.digests), "are not signed")
    _demand_none(set(model.digests) - set(there), "are missing")
    changed = {name for name in there if artifact.hash_below(name, model.algorithm) != model.digests[name]}
    _demand_none(changed, "were changed")


def _demand_none(names: set[str], what: str) -> None:
    if names:
        first = sorted(names)[:_NAMED]
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        message = f"files of the model that {what}: {', '.join(map(repr, first))}{more}"
        raise _Refused("artifact-mismatch", message, _HINTS[what])


def _files_below(folder: str, model: _Model) -> Iterator[str]:
    """The names of the files in a folder and all folders below it, however deep they are."""
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(folder, below)) as entries:
            found = list(entries)
        for entry in found:
            name = f"{below}/{entry.name}" if below else entry.name
            if any(PurePosixPath(name).is_relative_to(one) for one in model.ignored):
                continue
            if entry.is_symlink() and not (model.allow_symlinks and entry.is_file()):
                raise _Refused("artifact-mismatch", f"the model has a link that is not allowed: {name!r}")
            if entry.is_dir():
                waiting.append(name)
            elif entry.is_file():
                yield name
            else:
                raise _Refused(
                    "artifact-mismatch", f"the model has an entry that is neither a file nor a directory: {name!r}"
                )

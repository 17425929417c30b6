"""Scenarios of artifacts: what is and what isn't covered by a subject's digests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.vectors.keys import ALICE, STRANGER
from tests.vectors.parts import (
    ARTIFACT,
    DIGEST,
    OTHER_DIGEST,
    SUBJECT,
    case,
    envelope_of,
    error,
    rejected,
    row,
    statement,
    verified,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.vectors.scenarios import Scenario

_FILE = {"app.txt": ARTIFACT}
_MISMATCH = rejected("artifact-mismatch", None)
_CONFLICT = rejected("digest-conflict", None)
_WEAK = rejected("digest-weak", None)
_SHA512 = hashlib.sha512(ARTIFACT).hexdigest()
_SHA1 = hashlib.sha1(ARTIFACT, usedforsecurity=False).hexdigest()
_MD5 = hashlib.md5(ARTIFACT, usedforsecurity=False).hexdigest()


def cases() -> Iterator[Scenario]:
    yield from _files()
    yield from _several()
    yield from _digests_of_a_file()
    yield from _digests_given()
    yield from _directories()
    yield from _nothing()


def _about(*digests: dict[str, str], name: str = "app.txt") -> dict[str, Any]:
    return envelope_of(ALICE, payload=statement(*[{"name": name, "digest": digest} for digest in digests]))


def _files() -> Iterator[Scenario]:
    yield case(
        "artifact-matches",
        "A file that is the subject is covered.",
        "in-toto statement.md: subjects are matched by digest",
        verified(None),
        artifacts=["app.txt"],
        files=_FILE,
    )
    yield case(
        "artifact-mismatch",
        "A file that isn't the subject is not covered, though it has the subject's name.",
        row(14),
        _MISMATCH,
        artifacts=["app.txt"],
        files={"app.txt": b"another artifact\n"},
    )
    yield case(
        "artifact-under-another-name",
        "A file that is the subject is covered under any name.",
        "in-toto statement.md: subjects are matched purely by digest",
        verified(None),
        artifacts=["renamed.bin"],
        files={"renamed.bin": ARTIFACT},
    )
    yield case(
        "artifact-longer-by-one-byte",
        "A byte more at the end is another file.",
        row(14),
        _MISMATCH,
        artifacts=["app.txt"],
        files={"app.txt": ARTIFACT + b"\n"},
    )
    yield case(
        "artifact-empty",
        "An empty file is a file, and a subject like any other.",
        row(7),
        verified(None),
        envelope=_about({"sha256": hashlib.sha256().hexdigest()}),
        artifacts=["app.txt"],
        files={"app.txt": b""},
    )
    yield case(
        "artifact-file-missing",
        "A file that isn't there can't be compared.",
        row(26),
        error("file-unreadable"),
        artifacts=["app.txt"],
    )
    yield case(
        "artifact-name-with-a-null-byte",
        "A name that no file can have is a file that can't be read.",
        row(26),
        error("file-unreadable"),
        artifacts=["app\0.txt"],
    )


def _several() -> Iterator[Scenario]:
    other = b"another artifact\n"
    two = _about({"sha256": OTHER_DIGEST}, {"sha256": DIGEST})
    yield case(
        "artifact-is-the-second-subject",
        "Any subject may be the artifact.",
        "in-toto statement.md",
        verified(None),
        envelope=two,
        artifacts=["app.txt"],
        files=_FILE,
    )
    yield case(
        "several-artifacts-covered",
        "Every artifact is a subject.",
        row(18),
        verified(None),
        envelope=two,
        artifacts=["app.txt", "other.txt"],
        files=_FILE | {"other.txt": other},
    )
    yield case(
        "several-artifacts-one-not-covered",
        "One artifact that is no subject is a no for all.",
        row(18),
        _MISMATCH,
        artifacts=["app.txt", "other.txt"],
        files=_FILE | {"other.txt": other},
    )
    yield case(
        "one-artifact-given-twice",
        "Naming an artifact twice changes nothing.",
        row(18),
        verified(None),
        artifacts=["app.txt", "app.txt"],
        files=_FILE,
    )


def _digests_of_a_file() -> Iterator[Scenario]:
    files: dict[str, tuple[str, list[dict[str, str]], dict[str, Any]]] = {
        "digest-in-upper-case": (
            "Upper-case hex is the same digest.",
            [{"sha256": DIGEST.upper()}],
            verified(None),
        ),
        "digests-all-match": ("Two digests that both match.", [{"sha256": DIGEST, "sha512": _SHA512}], verified(None)),
        "digest-sha512-only": ("The file is hashed as the subject asks.", [{"sha512": _SHA512}], verified(None)),
        "digests-in-conflict": (
            "One digest that matches doesn't make up for one that differs.",
            [{"sha256": DIGEST, "sha512": "0" * 128}],
            _CONFLICT,
        ),
        "digests-in-conflict-the-weaker-differs": (
            "The longer digest that matches doesn't make up for the shorter one that differs.",
            [{"sha256": OTHER_DIGEST, "sha512": _SHA512}],
            _CONFLICT,
        ),
        "digests-in-conflict-in-another-subject": (
            "A subject that contradicts itself about the artifact isn't made good by another.",
            [{"sha256": DIGEST}, {"sha256": DIGEST, "sha512": "0" * 128}],
            _CONFLICT,
        ),
        "digest-sha1-only": ("SHA-1 is too weak, and a file isn't hashed with it.", [{"sha1": _SHA1}], _MISMATCH),
        "digest-md5-only": ("MD5 is too weak, and a file isn't hashed with it.", [{"md5": _MD5}], _MISMATCH),
        "digest-sha1-beside-a-strong-one": (
            "A digest that is too weak is ignored, right or wrong.",
            [{"sha1": "0" * 40, "sha256": DIGEST}],
            verified(None),
        ),
        "digest-sha1-beside-a-wrong-strong-one": (
            "A weak digest that matches doesn't make up for a strong one that differs.",
            [{"sha1": _SHA1, "sha256": OTHER_DIGEST}],
            _MISMATCH,
        ),
        "digest-of-an-unknown-algorithm": (
            "An algorithm that isn't known matches nothing.",
            [{"myhash": DIGEST}],
            _MISMATCH,
        ),
        "digest-under-another-spelling": (
            "`SHA256` and `sha-256` are names of no algorithm.",
            [{"SHA256": DIGEST, "sha-256": DIGEST}],
            _MISMATCH,
        ),
        "digest-of-an-unknown-algorithm-beside-a-good-one": (
            "An algorithm that isn't known is ignored.",
            [{"myhash": "x", "sha256": DIGEST}],
            verified(None),
        ),
        "digest-under-the-wrong-algorithm": (
            "The digest of one algorithm under the name of another matches nothing.",
            [{"sha3_256": DIGEST}],
            _MISMATCH,
        ),
    }
    for name, (title, digests, expect) in files.items():
        yield case(name, title, row(19), expect, envelope=_about(*digests), artifacts=["app.txt"], files=_FILE)


def _digests_given() -> Iterator[Scenario]:
    both = f"sha256:{DIGEST},sha512:{_SHA512}"
    given: dict[str, tuple[str, dict[str, str], str, dict[str, Any]]] = {
        "digest-given": ("A digest stands for the artifact.", {"sha256": DIGEST}, f"sha256:{DIGEST}", verified(None)),
        "digest-given-in-upper-case": (
            "Upper-case hex is the same digest.",
            {"sha256": DIGEST},
            f"sha256:{DIGEST.upper()}",
            verified(None),
        ),
        "digest-given-of-another-algorithm": (
            "Without a common algorithm nothing matches.",
            {"sha512": _SHA512},
            f"sha256:{DIGEST}",
            _MISMATCH,
        ),
        "digest-given-weak-sha1": (
            "SHA-1 alone is too weak.",
            {"sha1": _SHA1, "sha256": DIGEST},
            f"sha1:{_SHA1}",
            _WEAK,
        ),
        "digest-given-weak-md5": ("MD5 alone is too weak.", {"md5": _MD5}, f"md5:{_MD5}", _WEAK),
        "digests-given-in-conflict": (
            "Of two digests given, one matches and one differs.",
            {"sha256": DIGEST, "sha512": "0" * 128},
            both,
            _CONFLICT,
        ),
        "digests-given-one-is-common": (
            "Of two digests given, one is common and matches.",
            {"sha512": _SHA512},
            both,
            verified(None),
        ),
        "digest-given-of-a-git-commit": (
            "A commit is named by its id.",
            {"gitCommit": "a" * 40},
            f"gitCommit:{'a' * 40}",
            verified(None),
        ),
    }
    for name, (title, digests, artifact, expect) in given.items():
        yield case(name, title, row(19), expect, envelope=_about(digests), artifacts=[artifact])
    for name, artifact in (("too-short", "sha256:abcd"), ("not-hex", f"sha256:{'x' * 64}"), ("empty", "sha256:")):
        yield case(
            f"digest-given-{name}",
            "A digest that can't be one is no question that can be answered.",
            row(19),
            error("digest-invalid"),
            artifacts=[artifact],
        )
    yield case(
        "digest-given-twice-and-differently",
        "Two values of one digest can't both be the artifact's.",
        row(19),
        error("digest-invalid"),
        artifacts=[f"sha256:{DIGEST},sha256:{OTHER_DIGEST}"],
    )


def _directories() -> Iterator[Scenario]:
    tree = {"tree/a.txt": b"a\n", "tree/sub/b.txt": b"b\n"}
    lines = "".join(
        f"{hashlib.sha256(tree[path]).hexdigest()}  {path.removeprefix('tree/')}\n" for path in sorted(tree)
    )
    envelope = _about({"dirHash": hashlib.sha256(lines.encode()).hexdigest()}, name="tree")
    trees = {
        "directory-matches": ("A directory is covered by its dirHash.", tree, verified(None)),
        "directory-with-a-file-more": ("One file more is another directory.", tree | {"tree/evil.txt": b""}, _MISMATCH),
        "directory-with-a-file-less": ("A part of the files is not the directory.", {"tree/a.txt": b"a\n"}, _MISMATCH),
        "directory-with-a-file-renamed": (
            "The names of the files are part of it.",
            {"tree/a.txt": b"a\n", "tree/sub/c.txt": b"b\n"},
            _MISMATCH,
        ),
    }
    for name, (title, files, expect) in trees.items():
        yield case(name, title, row(18), expect, envelope=envelope, artifacts=["tree"], files=files)


def _nothing() -> Iterator[Scenario]:
    yield case(
        "no-artifacts-in-the-list",
        "An empty list of artifacts matches nothing.",
        row(7),
        rejected("artifact-missing", None),
        artifacts=[],
    )
    yield case(
        "no-artifact-asked-for",
        "Who asks only who claimed what is told that.",
        "design: verifying without an artifact must be asked for",
        verified(None),
        artifacts=None,
    )
    yield case(
        "artifact-covered-by-an-unsigned-statement-only",
        "That the digest matches is worth nothing where the signature isn't.",
        row(10),
        rejected("threshold-not-met", "key-unknown"),
        envelope=envelope_of(STRANGER, payload=statement(SUBJECT)),
        artifacts=["app.txt"],
        files=_FILE,
    )

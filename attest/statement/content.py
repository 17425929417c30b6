"""The content of a statement: its exact bytes, and as much of it parsed as somebody has asked for.

Rule: what was signed is a string of bytes; no parsed view replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attest import digest
from attest._base.json import PARSER_DEPTH, loads_object
from attest._base.large_json import LazyObject, PartlyRead
from attest._base.read_only import read_only

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attest.digest import DigestSet

_WHAT: Final = "the statement"
_FEW: Final = 32  # subjects that are compared with one artifact in the time that an index takes


class Content:
    """Content that was checked before, here or in another process. It is parsed when that is needed, and kept.

    A large predicate (PartlyRead) is read piece by piece, and parsed as a whole only for who asks for the whole.
    """

    __slots__ = ("_digest_index", "_document", "_large", "_whole", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw: bytes = raw
        self._whole: dict[str, Any] | None = None
        self._document: dict[str, Any] | None = None  # the same, read-only, made for the first who looks
        self._large: PartlyRead | None = None
        self._digest_index: digest.DigestIndex | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # The bytes are enough, and parsed again when needed: most statements from a process are only counted.
        return Content, (self.raw,)

    @classmethod
    def parse(cls, raw: bytes, max_depth: int) -> Content:
        """Content that nobody has checked. Raises InputError as `loads_object` does, for a large predicate too."""
        content = cls(raw)
        content._large = PartlyRead.of(raw, "predicate", what=_WHAT, max_depth=max_depth)
        if content._large is None:
            content._whole = loads_object(raw, what=_WHAT, max_depth=max_depth)
        else:
            content._large.outline  # noqa: B018  # parses it, as strictly as any other
        return content

    def with_predicate(self, predicate: LazyObject) -> Content:
        """This content, which has no predicate yet, with one. Raises InputError if it cannot be parsed."""
        predicate.check()
        return Content(b'%b,"predicate":%b}' % (self.raw[:-1], predicate.data.strip(b" \t\n\r")))

    @property
    def document(self) -> dict[str, Any]:
        """All of it, read-only at every level."""
        if self._document is None:
            self._document = read_only(self.whole())
        return self._document

    def whole(self) -> dict[str, Any]:
        """The same for this package, which only reads it: nothing is copied for that."""
        if self._whole is None:
            self._whole = loads_object(self.raw, what=_WHAT, max_depth=PARSER_DEPTH)
        return self._whole

    def head(self) -> dict[str, Any]:
        """All of it except a predicate that is large."""
        large = self._partly_read()
        return self.whole() if large is None else large.head

    def predicate(self, *, outline: bool) -> Mapping[str, Any]:
        """The predicate; if an `outline` is enough, a large one has in its lists only what kind the elements are."""
        large = self._partly_read() if outline else None
        return (self.whole().get("predicate") or {}) if large is None else large.outline

    def subjects(self) -> list[dict[str, Any]]:
        """The subjects, for which no large predicate is parsed."""
        subjects: list[dict[str, Any]] = self.head()["subject"]
        return subjects

    def digests(self) -> Sequence[DigestSet]:
        """The digests of the subjects, in their order; of many with an index, for many artifacts."""
        if self._digest_index is not None:
            return self._digest_index
        found = [subject["digest"] for subject in self.subjects()]
        if len(found) > _FEW:
            found = self._digest_index = digest.DigestIndex(found)
        return found

    def _partly_read(self) -> PartlyRead | None:
        if self._whole is None and self._large is None:
            self._large = PartlyRead.of(self.raw, "predicate", what=_WHAT, max_depth=PARSER_DEPTH)
        return self._large

"""Many signatures in one act: the token makes the next ones while the last ones are verified here.

Rule: what holds for one signature holds for each of many: it is verified with the pinned key before it leaves, it has
the time of one call, and if it is faulty or missing, it is made again, by another token if need be.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import TYPE_CHECKING, Final

from attest.errors import SignerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from attest.signers.pkcs11.failover.group import FailoverGroup
    from attest.signers.pkcs11.failover.signing_member import SigningMember

# How many signatures a token makes before they are looked at: so many that handing over a call costs little for each,
# and so few that little is done in vain with a token that has failed.
CHUNK: Final = 16


def sign_many(group: FailoverGroup, data: Sequence[bytes]) -> list[bytes | SignerError]:
    """A signature over each of `data`, in this order, or why there is none. After an error, the rest is not tried."""
    results: list[bytes | SignerError] = []
    with ThreadPoolExecutor(1, "attest-verify") as verifier:
        before: _Chunk | None = None
        for start in range(0, len(data), CHUNK):
            chunk = _Chunk(group, data[start : start + CHUNK], verifier)
            results += before.results() if before is not None else ()
            before = chunk
            if chunk.failed is not None or any(isinstance(one, SignerError) for one in results):
                break
        results += before.results() if before is not None else ()
    failed = next((one for one in results if isinstance(one, SignerError)), None)
    return results if failed is None else results + [copy(failed) for _ in data[len(results) :]]


class _Chunk:
    """Some of the signatures: made at once, and verified in another thread.

    `failed` is the error if not all were made: by then every token was tried.
    """

    def __init__(self, group: FailoverGroup, data: Sequence[bytes], verifier: ThreadPoolExecutor) -> None:
        self.failed: SignerError | None = None
        self._group = group
        self._data = data
        self._made: list[bytes] = []
        self._makers: list[SigningMember] = []
        try:
            group.perform(self._make)
        except SignerError as error:
            self.failed = error
        self._checked: Future[list[bool]] = verifier.submit(self._check)

    def results(self) -> list[bytes | SignerError]:
        """Each signature, or why there is none; those that do not verify are made again."""
        good = self._checked.result()
        for maker in dict.fromkeys(maker for maker, valid in zip(self._makers, good, strict=True) if not valid):
            maker.distrust()
        results: list[bytes | SignerError] = []
        for index, one in enumerate(self._data):
            if index < len(good) and good[index]:
                results.append(self._made[index])
            elif self.failed is not None:
                results.append(copy(self.failed))
            else:
                results.append(self._again(one))
        return results

    def _make(self, member: SigningMember) -> None:
        try:
            member.sign_ahead(self._data, self._made)
        finally:
            self._makers += [member] * (len(self._made) - len(self._makers))

    def _check(self) -> list[bool]:
        key = self._group.public_key
        return [key.accepts(signature, one) for signature, one in zip(self._made, self._data, strict=False)]

    def _again(self, one: bytes) -> bytes | SignerError:
        try:
            return self._group.sign(one)
        except SignerError as error:
            self.failed = error
            return error

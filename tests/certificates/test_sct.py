"""SCTs: those in real certificates are by logs of their roots, and those of a log of the tests stand for the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from attest import Rejected
from attest.certificates.sct import check_sct
from tests.support.examples import few
from tests.support.making.keys import private_key
from tests.support.making.logs import CA, LEAF, TIME, Log, ca_certificate, sct, with_scts
from tests.support.making.sigstore_cases import issuer_of, originals

if TYPE_CHECKING:
    from attest.certificates.trusted_root import TransparencyLog

LOG = Log()
ISSUER = ca_certificate()
BEFORE, AFTER = TIME - timedelta(milliseconds=1), TIME + timedelta(milliseconds=1)


def ask(*scts: bytes, logs: list[TransparencyLog] | None = None, issuer: Any = ISSUER) -> str | None:
    try:
        check_sct(with_scts(*scts), issuer, [LOG.trusted()] if logs is None else logs)
    except Rejected as error:
        return error.code
    return None


def test_each_real_certificate_was_seen_by_a_log_of_its_root() -> None:
    for one in originals():
        leaf, root = one.signed().certificate, one.trusted_root()
        issuer = issuer_of(leaf, root)
        check_sct(leaf, issuer, root.ct_logs)
        for logs in ((), [log for log in root.ct_logs if log.not_after]):
            with pytest.raises(Rejected, match="no signed certificate timestamp"):
                check_sct(leaf, issuer, logs)
        with pytest.raises(Rejected):
            check_sct(leaf, ISSUER, root.ct_logs)


def test_a_real_certificate_without_an_sct_is_said_to_lack_it() -> None:
    for one in originals(log=False):
        if not one.log:
            with pytest.raises(Rejected) as caught:
                check_sct(one.signed().certificate, ISSUER, [])
            assert caught.value.code == "sct-missing"
    with pytest.raises(Rejected) as caught:
        check_sct(LEAF, ISSUER, [LOG.trusted()])
    assert caught.value.code == "sct-missing"


@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp256", "rsa-pkcs1v15-sha256"])
def test_an_sct_counts_if_its_log_signed_it(algorithm: str) -> None:
    log = Log(algorithm)
    assert ask(sct(log), logs=[log.trusted()]) is None
    assert ask(sct(log, extensions=b"any extension"), logs=[log.trusted()]) is None
    assert ask(sct(log, issuer=private_key("ecdsa-sha2-nistp384", 9)), logs=[log.trusted()]) == "sct-invalid"
    assert ask(sct(log, family=2), logs=[log.trusted()]) == "sct-invalid"
    assert (
        ask(sct(log), logs=[log.trusted()], issuer=ca_certificate(private_key("ecdsa-sha2-nistp384", 9)))
        == "sct-invalid"
    )


def test_the_log_must_be_trusted_at_the_time_of_the_sct() -> None:
    for begin, end, found in [
        (TIME, TIME, None),
        (None, BEFORE, "sct-invalid"),
        (AFTER, None, "sct-invalid"),
        (BEFORE, AFTER, None),
    ]:
        assert ask(sct(LOG), logs=[LOG.trusted(begin, end)]) == found


def test_an_sct_of_an_unknown_log_neither_counts_nor_harms_and_a_wrong_one_of_a_known_log_does() -> None:
    stranger = sct(Log(number=45))
    assert ask(stranger) == "sct-invalid"
    assert ask(stranger, sct(LOG)) is None
    wrong = bytearray(sct(LOG))
    wrong[-1] ^= 1
    assert ask(bytes(wrong)) == "sct-invalid"
    assert ask(sct(LOG), bytes(wrong)) == "sct-invalid"


def test_every_byte_of_an_sct_matters() -> None:
    good = sct(LOG, extensions=b"x")
    assert ask(good) is None
    for place in few(60, range(len(good))):
        other = bytearray(good)
        other[place] ^= 1
        assert ask(bytes(other)) == "sct-invalid", place


def test_lists_that_are_too_long_or_cannot_be_read_are_refused() -> None:
    assert ask(*[sct(LOG)] * 8) is None
    assert ask(*[sct(LOG)] * 9) == "sct-invalid"
    # Bytes after an SCT are not among them: older versions of cryptography ignore them, as does this check.
    for data in (b"", b"x", sct(LOG)[:-1]):
        assert ask(data) == "sct-invalid"
    assert ask() in ("sct-invalid", "sct-missing")


def test_the_issuer_is_the_ca_that_signed() -> None:
    assert CA.public_key() == ISSUER.public_key()

"""How many distinct identities have signed: signers are told apart by key and by name, in any order of signatures."""

from __future__ import annotations

from itertools import combinations, permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from attest.trust.certified import CertifiedSigner, distinct
from attest.trust.identities import TrustIdentity
from tests.support.helpers import software_key

KEYS = [software_key("ed25519", number).public_key for number in range(5)]
IDENTITIES = [TrustIdentity("ca", "uri", f"https://ci.example.com/{number}") for number in range(4)]


def signer(position: int, key: int, name: str, *identities: int) -> CertifiedSigner:
    return CertifiedSigner(position, KEYS[key], ("ca", None, "uri", name), [IDENTITIES[one] for one in identities])


def test_two_certificates_of_one_name_are_one_signer() -> None:
    assert len(distinct([signer(0, 0, "a", 0, 1), signer(1, 1, "a", 0, 1)])) == 1


def test_one_key_with_two_names_is_one_signer() -> None:
    assert len(distinct([signer(0, 0, "a", 0), signer(1, 0, "b", 1)])) == 1


def test_a_signature_that_has_something_in_common_with_two_others_takes_neither_away() -> None:
    chained = [signer(0, 0, "a", 0), signer(1, 0, "b", 1), signer(2, 1, "b", 2)]
    for order in permutations(chained):
        assert sorted(distinct(order)) == [0, 2]


def test_two_names_that_one_glob_matches_are_one_identity() -> None:
    assert len(distinct([signer(0, 0, "a", 0), signer(1, 1, "b", 0)])) == 1


def test_as_many_identities_count_as_can_be_assigned() -> None:
    # The first must leave identity 0 to the second, which has no other.
    for order in permutations([signer(0, 0, "a", 0, 1), signer(1, 1, "b", 0)]):
        assert sorted(distinct(order)) == [0, 1]


SIGNERS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("abcde"), st.sets(st.integers(0, 3), min_size=1)), max_size=7
)


@settings(max_examples=200, deadline=None)
@given(SIGNERS, st.randoms(use_true_random=False), st.integers(0, 3))
def test_the_order_does_not_matter_and_fewer_identities_never_count_more(
    drawn: list[tuple[int, str, set[int]]], random: object, dropped: int
) -> None:
    signers = [signer(position, key, name, *sorted(ids)) for position, (key, name, ids) in enumerate(drawn)]
    number = len(distinct(signers))
    shuffled = list(signers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert len(distinct(shuffled)) == number
    assert number <= min(len({one.key for one in signers}), len({one.name for one in signers}), len(IDENTITIES))
    fewer = [one._replace(identities=[i for i in one.identities if i != IDENTITIES[dropped]]) for one in signers]
    assert len(distinct([one for one in fewer if one.identities])) <= number
    assert number <= len(distinct([*signers, signer(99, 0, "a", 0)]))
    assert number == max(map(len, filter(_distinct, _subsets(signers))), default=0)


def _subsets(signers: list[CertifiedSigner]) -> list[tuple[CertifiedSigner, ...]]:
    return [chosen for size in range(1, 5) for chosen in combinations(signers, size)]


def _distinct(chosen: tuple[CertifiedSigner, ...]) -> bool:
    """By trying all, whether these can count together."""
    if len({one.key for one in chosen}) < len(chosen) or len({one.name for one in chosen}) < len(chosen):
        return False
    return any(len(set(ids)) == len(chosen) for ids in product(*(one.identities for one in chosen)))

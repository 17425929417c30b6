"""How many distinct identities have signed: signers are told apart by key and by name, in any order of signatures."""

from __future__ import annotations

from itertools import combinations, permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from attest.results.report import CountedSigner
from attest.results.signers import distinct


def signer(position: int, key: int, name: str, *identities: int) -> CountedSigner:
    return CountedSigner(position, f"key {key}", name, tuple([f"identity {one}" for one in identities]))


def positions(signers: list[CountedSigner]) -> list[int]:
    return [one.position for one in distinct(signers)]


def test_two_certificates_of_one_name_are_one_signer() -> None:
    assert len(distinct([signer(0, 0, "a", 0, 1), signer(1, 1, "a", 0, 1)])) == 1


def test_one_key_with_two_names_is_one_signer() -> None:
    assert len(distinct([signer(0, 0, "a", 0), signer(1, 0, "b", 1)])) == 1


def test_a_signature_that_has_something_in_common_with_two_others_takes_neither_away() -> None:
    chained = [signer(0, 0, "a", 0), signer(1, 0, "b", 1), signer(2, 1, "b", 2)]
    for order in permutations(chained):
        assert positions(list(order)) == [0, 2]


def test_two_names_that_one_glob_matches_are_one_identity() -> None:
    assert len(distinct([signer(0, 0, "a", 0), signer(1, 1, "b", 0)])) == 1


def test_as_many_identities_count_as_can_be_assigned() -> None:
    # The first must leave identity 0 to the second, which has no other.
    for order in permutations([signer(0, 0, "a", 0, 1), signer(1, 1, "b", 0)]):
        assert positions(list(order)) == [0, 1]


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
    assert number <= min(len({one.keyid for one in signers}), len({one.name for one in signers}), 4)
    gone = f"identity {dropped}"
    fewer = [one._replace(identities=tuple(i for i in one.identities if i != gone)) for one in signers]
    assert len(distinct([one for one in fewer if one.identities])) <= number
    assert number <= len(distinct([*signers, signer(99, 0, "a", 0)]))
    assert number == max(map(len, filter(_distinct, _subsets(signers))), default=0)


def _subsets(signers: list[CountedSigner]) -> list[tuple[CountedSigner, ...]]:
    return [chosen for size in range(1, 5) for chosen in combinations(signers, size)]


def _distinct(chosen: tuple[CountedSigner, ...]) -> bool:
    """By trying all, whether these can count together."""
    if len({one.keyid for one in chosen}) < len(chosen) or len({one.name for one in chosen}) < len(chosen):
        return False
    return any(len(set(ids)) == len(chosen) for ids in product(*(one.identities for one in chosen)))


def test_thousands_of_keys_and_of_names_below_one_glob_are_counted_at_once() -> None:
    many = [signer(number, number, f"name {number}", number) for number in range(5000)]
    same = [signer(number, 5000 + number, f"other {number}", 9999) for number in range(5000)]
    assert len(distinct([*many, *same])) == 5001


def test_many_names_below_one_glob_take_no_signer_away() -> None:
    # One of them counts for identity 0, so the first must count for identity 1.
    many = [signer(number, number, f"name {number}", 0) for number in range(1, 6000)]
    first = signer(0, 0, "a", 0, 1)
    assert positions([first, *many]) == [0, 1]
    assert positions([*many, first]) == [0, 1]


def test_many_signatures_by_a_few_names_are_counted_at_once() -> None:
    one = [signer(number, number, "a", 0, 1, 2) for number in range(9000)]
    others = [signer(10_000 + number, 10_000 + number, f"name {number % 900}", 0) for number in range(9000)]
    both = [signer(20_000 + number, number, "b", 0, 1, 2) for number in range(9000)]
    assert len(distinct([*one, *others])) == 2
    assert len(distinct([*one, *others, *both])) == 3


def test_names_that_share_keys_take_no_signer_away() -> None:
    chain = [signer(10 + n, 10 + n // 2, f"name {(n + 1) // 2}", 0) for n in range(6000)]
    own = [signer(0, 0, "a", 0, 1), signer(1, 1, "b", 1)]
    assert len(distinct([*own, *chain])) == len(distinct([*chain, *own])) == 2


def test_two_spellings_of_a_name_are_one_signer() -> None:
    assert len(distinct([signer(0, 0, "email:ann@example.com", 0), signer(1, 1, "email:Ann@Example.com", 1)])) == 1

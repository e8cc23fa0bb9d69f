from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from mock_server.faults.condition import compile_condition
from mock_server.faults.records import Candidate, RowSelector, Selection
from mock_server.org.chance import stream

BATCHES = st.lists(st.lists(st.integers(0, 30).map(str), max_size=8), max_size=8)


def rows(keys: list[str], sobject: str = "Contact") -> list[Candidate]:
    return [Candidate(sobject, key, {"Key": key}.get) for key in keys]


def selection(selector: RowSelector, seed: int = 1) -> Selection:
    return Selection(selector, lambda key: stream(seed, key).random())


def chosen(selector: RowSelector, batches: list[list[str]], seed: int = 1) -> list[list[bool]]:
    picks = selection(selector, seed)
    return [picks.pick(rows(batch)) for batch in batches]


SELECTORS = st.one_of(
    st.integers(1, 9).map(lambda n: RowSelector(every=n)),
    st.integers(1, 9).map(lambda n: RowSelector(first=n)),
    st.integers(1, 9).map(lambda n: RowSelector(last=n)),
    st.floats(0.05, 1).map(lambda share: RowSelector(fraction=share)),
)


@given(BATCHES, st.integers(1, 9))
def test_every_picks_exactly_each_nth_distinct_key(batches: list[list[str]], n: int) -> None:
    picked: dict[str, bool] = {}
    for batch, marks in zip(batches, chosen(RowSelector(every=n), batches), strict=True):
        picked.update(zip(batch, marks, strict=True))
    distinct = list(dict.fromkeys(key for batch in batches for key in batch))
    assert [key for key in distinct if picked[key]] == list(islice(distinct, n - 1, None, n))


@given(BATCHES, SELECTORS)
def test_a_choice_sticks_to_its_key(batches: list[list[str]], selector: RowSelector) -> None:
    first: dict[str, bool] = {}
    for batch, marks in zip(batches, chosen(selector, batches), strict=True):
        for key, mark in zip(batch, marks, strict=True):
            assert first.setdefault(key, mark) == mark


@given(BATCHES, SELECTORS, st.integers(0, 5))
def test_the_same_seed_makes_the_same_choices(batches: list[list[str]], selector: RowSelector, seed: int) -> None:
    assert chosen(selector, batches, seed) == chosen(selector, batches, seed)


@given(st.permutations([str(number) for number in range(12)]), st.floats(0.1, 0.9))
def test_a_fraction_does_not_depend_on_the_order_in_which_keys_come(keys: list[str], share: float) -> None:
    (marks,) = chosen(RowSelector(fraction=share), [keys])
    (in_order,) = chosen(RowSelector(fraction=share), [sorted(keys)])
    assert dict(zip(keys, marks, strict=True)) == dict(zip(sorted(keys), in_order, strict=True))


def test_a_fraction_picks_about_its_share_and_another_seed_picks_others() -> None:
    keys = [str(number) for number in range(2000)]
    (one,), (two,) = chosen(RowSelector(fraction=0.2), [keys], 1), chosen(RowSelector(fraction=0.2), [keys], 2)
    assert 340 < sum(one) < 460
    assert one != two


def test_first_counts_over_all_requests_and_last_within_each() -> None:
    batches = [["a", "b"], ["c", "d", "b"]]
    assert chosen(RowSelector(first=3), batches) == [[True, True], [True, False, True]]
    assert chosen(RowSelector(last=1), batches) == [[False, True], [False, False, True]]


def test_keys_and_conditions_narrow_down_before_rows_are_counted() -> None:
    even = compile_condition("Key IN ('2', '4', '6')")
    assert chosen(RowSelector(every=2, where=even), [["1", "2", "3", "4", "5", "6"]]) == [
        [False, False, False, True, False, False]
    ]
    assert chosen(RowSelector(keys=frozenset({"2"})), [["1", "2", "2"]]) == [[False, True, True]]


def test_the_same_key_of_two_objects_is_two_keys() -> None:
    picks = selection(RowSelector(first=1))
    assert picks.pick([*rows(["a"]), *rows(["a"], "Account")]) == [True, False]

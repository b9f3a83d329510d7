import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.choices import derive
from nas.choices.candidate_costs import Latencies


def padded(rows):
    most = max(map(len, rows))
    return np.array([[*row, *[np.nan] * (most - len(row))] for row in rows])


def test_most_probable_takes_each_slots_best_and_never_the_padding():
    p = padded([[0.1, 0.7, 0.2], [0.6, 0.4], [0.2, 0.2, 0.6]])
    assert derive.most_probable(p) == (1, 0, 2)


@st.composite
def problems(draw):
    counts = draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    # Whole milliseconds, so different sums never share a bin.
    ms = [draw(st.lists(st.integers(0, 20), min_size=n, max_size=n)) for n in counts]
    weights = [draw(st.lists(st.integers(1, 100), min_size=n, max_size=n)) for n in counts]
    p = padded([np.array(row) / sum(row) for row in weights])
    latencies = Latencies([np.array(row, float) for row in ms], float(draw(st.integers(1, 9))))
    low, high = latencies.fastest_ms, latencies.slowest_ms
    limit = draw(st.integers(int(low), int(high) + 5))
    return p, latencies, float(limit), float(draw(st.integers(0, limit + 2)))


def log_probability(p, choices):
    return sum(math.log(p[i, choice]) for i, choice in enumerate(choices))


@given(problems())
@settings(deadline=None, max_examples=150)
def test_of_all_children_in_the_band_the_most_probable_is_found(problem):
    p, latencies, limit, at_least = problem
    children = list(itertools.product(*(range(len(slot)) for slot in latencies.slots)))
    allowed = [c for c in children if latencies.of(c) <= limit]
    in_band = [c for c in allowed if latencies.of(c) >= at_least]
    found = derive.most_probable_within(p, latencies, limit, at_least)
    assert found in (in_band or allowed)
    best = max(log_probability(p, c) for c in in_band or allowed)
    assert math.isclose(log_probability(p, found), best, abs_tol=1e-9)


@given(
    st.lists(st.lists(st.floats(0.01, 3), min_size=2, max_size=4), min_size=1, max_size=6),
    st.floats(0, 1),
)
@settings(deadline=None, max_examples=100)
def test_the_limit_holds_for_any_milliseconds(ms, fraction):
    latencies = Latencies([np.array(row) for row in ms], 0.3)
    p = padded([[1 / len(row)] * len(row) for row in ms])
    low, high = latencies.fastest_ms, latencies.slowest_ms
    limit = max(low, min(high, low + fraction * (high - low)))
    assert latencies.of(derive.most_probable_within(p, latencies, limit)) <= limit * (1 + 1e-9)


def test_without_a_tight_limit_it_is_the_most_probable():
    p = padded([[0.1, 0.9], [0.3, 0.7]])
    latencies = Latencies([np.array([1.0, 5.0]), np.array([1.0, 5.0])], 1.0)
    assert derive.most_probable_within(p, latencies, 100.0) == derive.most_probable(p)


def test_a_candidate_of_probability_zero_is_taken_where_nothing_else_fits():
    p = padded([[0.0, 1.0]])
    assert derive.most_probable_within(p, Latencies([np.array([1.0, 5.0])], 0.0), 2.0) == (0,)


def test_a_limit_below_the_fastest_is_refused_with_the_range():
    latencies = Latencies([np.array([1.0, 5.0])], 1.0)
    with pytest.raises(ValueError, match="between 2 and 6 ms.*received 1.9"):
        derive.most_probable_within(padded([[0.5, 0.5]]), latencies, 1.9)


def test_no_latency_at_all_is_no_hindrance():
    p = padded([[0.2, 0.8], [0.9, 0.1]])
    assert derive.most_probable_within(p, Latencies.zero([2, 2]), 0.0) == (1, 0)


def test_near_a_limit_the_band_is_doubled_until_it_has_a_child():
    latencies = Latencies([np.array([1.0, 7.0, 9.9])], 0.0)
    p = padded([[0.6, 0.3, 0.1]])
    # Within 3 % of 10 lies one; of 9, within 24 %; of 6 only what is much faster.
    for limit, choice in ((10.0, 2), (9.0, 1), (6.0, 0)):
        assert derive.most_probable_near(p, latencies, limit) == (choice,)

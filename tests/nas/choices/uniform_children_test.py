import collections
import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.choices.candidate_costs import Latencies
from nas.choices.uniform_children import UniformChildren


def all_children(latencies):
    return list(itertools.product(*(range(len(slot)) for slot in latencies.slots)))


@st.composite
def problems(draw):
    milliseconds = st.floats(0.0, 5.0, width=32)
    ms = draw(st.lists(st.lists(milliseconds, min_size=2, max_size=3), min_size=1, max_size=4))
    latencies = Latencies([np.array(row) for row in ms], 0.3)
    # Exactly the latency of a child, so rounding could decide whether it is allowed.
    limit = latencies.of(draw(st.sampled_from(all_children(latencies))))
    return latencies, limit


@given(problems())
@settings(deadline=None, max_examples=60)
def test_no_child_under_the_limit_is_lost_and_none_above_it_is_drawn(problem):
    latencies, limit = problem
    children = UniformChildren(latencies, limit)
    allowed = {c for c in all_children(latencies) if latencies.of(c) <= limit}
    drawn = set(children.draw_different(random.Random(0), len(allowed)))
    assert drawn <= allowed
    # With 100 draws per child, one of equal probability is missed with probability e^-100.
    assert drawn == allowed


def test_draws_are_uniform():
    rng = np.random.default_rng(1)
    latencies = Latencies([rng.uniform(0, 3, n) for n in (3, 4, 2, 3)], 0.5)
    limit = latencies.at(0.35)
    allowed = [c for c in all_children(latencies) if latencies.of(c) <= limit]
    assert 10 < len(allowed) < 40
    draws = 200 * len(allowed)
    source, children = random.Random(0), UniformChildren(latencies, limit)
    counts = collections.Counter(children.draw(source) for _ in range(draws))
    assert set(counts) == set(allowed)
    # Chi-square has mean `freedom` and variance `2 * freedom`; 5 standard deviations are allowed.
    chi_square = sum((counts[c] - 200) ** 2 / 200 for c in allowed)
    freedom = len(allowed) - 1
    assert chi_square < freedom + 5 * (2 * freedom) ** 0.5


def test_fast_children_of_a_huge_space_are_drawn_though_hardly_any_exist():
    """They are about one in 10^14, so drawing all slots independently would never find one."""
    latencies = Latencies([np.arange(1.0, 8.0)] * 21, 10.0)
    limit = latencies.fastest_ms + 3.0
    children, source = UniformChildren(latencies, limit), random.Random(0)
    drawn = [children.draw(source) for _ in range(200)]
    assert all(latencies.of(c) <= limit for c in drawn)
    # 1 child is the fastest, 21 take 1 ms more, 231 take 2 ms more, and 1771 are at the limit.
    assert 150 < sum(latencies.of(c) == limit for c in drawn) < 200


def test_without_a_limit_every_child_is_allowed():
    latencies = Latencies([np.array([1.0, 9.0])] * 2, 0.0)
    children = UniformChildren(latencies, None)
    assert len(children.draw_different(random.Random(0), 9)) == 4
    assert children.allows((1, 1))


def test_the_fastest_child_alone_is_under_its_own_latency():
    latencies = Latencies([np.array([1.0, 9.0]), np.array([0.3, 0.1])], 0.7)
    children = UniformChildren(latencies, latencies.fastest_ms)
    assert children.draw_different(random.Random(0), 2) == [(0, 1)]


def test_a_limit_below_the_fastest_is_refused_with_the_range():
    with pytest.raises(ValueError, match="between 2 and 6 ms.*received 1.9"):
        UniformChildren(Latencies([np.array([1.0, 5.0])], 1.0), 1.9)


def test_a_limit_that_bins_cannot_tell_apart_is_refused_after_many_draws(monkeypatch):
    monkeypatch.setattr("nas.choices.uniform_children._MOST_DRAWS", 50)
    # A thousand children miss the limit by 1e-9 ms. One is far below it.
    slot = np.array([0.0, *[1.0] * 1000, 1.0 - 1e-9])
    latencies = Latencies([slot, np.array([0.0, 1.0])], 1.0)
    children = UniformChildren(latencies, latencies.of((1001, 0)))
    source = random.Random(0)
    with pytest.raises(ValueError, match="found none in 50 draws"):
        for _ in range(20):
            children.draw(source)

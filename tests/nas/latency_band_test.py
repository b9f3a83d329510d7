import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas import latency_band, spaces
from nas.latency_band import LatencyBand
from nas.objectives import Latencies


def inside(band):
    slots = [range(len(slot)) for slot in band.latencies.slots]
    return {choices for choices in itertools.product(*slots) if band.holds(choices)}


@st.composite
def bands(draw):
    counts = draw(st.lists(st.integers(2, 4), min_size=1, max_size=5))
    ms = [draw(st.lists(st.floats(0, 3), min_size=n, max_size=n)) for n in counts]
    latencies = Latencies([np.array(row) for row in ms], draw(st.floats(0, 2)))
    low, high = sorted(draw(st.tuples(st.floats(0, 15), st.floats(0, 15))))
    return LatencyBand(latencies, high, low)


@given(bands())
@settings(deadline=None, max_examples=100)
def test_every_child_inside_is_drawn_once_and_no_other(band):
    drawn = band.draw(2000, seed=0)
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == inside(band)


def test_bounds_belong_to_the_band_and_nothing_beyond():
    latencies = Latencies([np.array([1.0, 2.0, 3.0])], 0.5)
    assert inside(LatencyBand(latencies, 2.5, 1.5)) == {(0,), (1,)}
    assert inside(LatencyBand(latencies, 2.499, 1.501)) == set()
    assert inside(LatencyBand(latencies, 9.0, 3.0)) == {(2,)}
    # 0.1 + 0.2 is more than 0.3 in floating point.
    third = Latencies([np.array([0.1, 9.0]), np.array([0.2, 9.0])], 0.0)
    assert LatencyBand(third, 0.3).holds((0, 0))


def test_the_draw_is_uniform():
    latencies = Latencies([np.array([0.0, 1.0, 5.0]), np.array([0.0, 1.0]), np.arange(3.0)], 1.0)
    band = LatencyBand(latencies, 4.0, 2.0)
    children = sorted(inside(band))
    draws = 3000
    counts = dict.fromkeys(children, 0)
    for seed in range(draws):
        counts[band.draw(1, seed)[0]] += 1
    expected = draws / len(children)
    # 99.9 % point of chi-square with nine degrees of freedom.
    assert len(children) == 10
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 27.9


def test_rare_children_of_a_huge_space_are_found():
    space = spaces.SPACES["proxyless_imagenet"]
    rng = np.random.default_rng(0)
    slots = [rng.uniform(0.5, 5.0, len(slot.candidates)) for slot in space.slots]
    latencies = Latencies(slots, 10.0)
    # A thousandth of the range, where one child in some 10^8 lies.
    limit_ms = latencies.at(0.15)
    band = LatencyBand(latencies, limit_ms, 0.999 * limit_ms)
    drawn = band.draw(20, seed=3)
    assert len(set(drawn)) == 20 and all(band.holds(choices) for choices in drawn)
    assert drawn == band.draw(20, seed=3) != band.draw(20, seed=4)
    # No slot has settled: the draw goes over all of the band.
    assert all(len(set(column)) > 1 for column in zip(*drawn, strict=True))


def test_children_that_are_not_wanted_are_left_out():
    band = LatencyBand.everything([2, 2])
    assert set(band.draw(9, 0, without=[(0, 1), (1, 1)])) == {(0, 0), (1, 0)}
    assert band.draw(0, 0) == []


def test_without_its_lower_end_it_is_the_limit_alone():
    band = LatencyBand(Latencies([np.array([1.0, 2.0, 3.0])], 0.0), 2.5, 2.2)
    assert inside(band) == set()
    assert inside(band.without_lower_end) == {(0,), (1,)}


@pytest.mark.parametrize(("limit_ms", "found"), [(0.9, []), (1.0, [(0, 0)])])
def test_the_fastest_child_is_the_last_to_be_found(limit_ms, found):
    band = LatencyBand(Latencies([np.array([0.5, 4.0]), np.array([0.25, 2.0])], 0.25), limit_ms)
    assert band.draw(3, 0) == found


def test_a_space_of_more_children_than_64_bits_count_is_numbered():
    numbered = latency_band._NumberedChildren(LatencyBand.everything([8] * 30))
    assert numbered.count == 8**30
    assert numbered[numbered.count - 1] == (7,) * 30 and numbered[9] == (*[0] * 28, 1, 1)

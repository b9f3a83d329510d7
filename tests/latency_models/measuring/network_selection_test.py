import made_spaces
import pytest

from latency_models.measuring import network_selection, parts
from nas.architecture import counting, spaces

TINY = spaces.SPACES["tiny"]
MOBILE, LARGE = made_spaces.mobile(), made_spaces.large()


def test_networks_are_different_and_begin_with_the_extremes():
    space = spaces.SPACES["cifar"]
    children = network_selection.sample_networks(space, 16, seed=3)
    assert len({parts.network_part(child).key for child in children}) == 16
    macs = [counting.num_macs(child) for child in children]
    assert macs[0] == min(macs)
    assert macs[1] == max(macs)
    assert children == network_selection.sample_networks(space, 16, seed=3)
    assert children[2:] != network_selection.sample_networks(space, 16, seed=4)[2:]


def test_networks_of_a_small_space_can_be_all_of_it():
    children = network_selection.sample_networks(TINY, TINY.cardinality)
    assert len({TINY.choices(child) for child in children}) == TINY.cardinality


@pytest.mark.parametrize("count", [1, TINY.cardinality + 1])
def test_more_or_fewer_networks_than_make_sense_are_refused(count):
    with pytest.raises(ValueError, match=f"networks: expected 2 to .* received {count}"):
        network_selection.sample_networks(TINY, count)


def test_fixed_spaces_have_as_many_by_default_as_always():
    assert network_selection.default_count(spaces.SPACES["cifar"]) == 48
    assert network_selection.default_count(MOBILE) == 64


def test_of_a_small_space_all_networks_are_timed_by_default():
    assert len(network_selection.sample_networks(TINY)) == TINY.cardinality < 48


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [20, None])
@pytest.mark.parametrize("space", [MOBILE, LARGE], ids=lambda space: space.name)
def test_every_option_of_every_decision_occurs(space, count, seed):
    children = network_selection.sample_networks(space, count, seed)
    chosen = [space.choices(child) for child in children]
    assert len(set(chosen)) == (count or 64)
    for row, options in enumerate(space.option_counts):
        assert {choice[row] for choice in chosen} == set(range(options))
    first, last = children[:2]
    assert (first.resolution, last.resolution) == (min(space.resolutions), max(space.resolutions))
    assert first.stem.width == min(next(iter(space.widths.values())))
    assert last.head.width == max(list(space.widths.values())[-1])

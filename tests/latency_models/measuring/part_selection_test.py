import made_spaces
import numpy as np
import pytest

from latency_models.measuring import features, part_selection, parts, tiles
from nas.architecture import spaces
from nas.architecture.blocks import Slot

MOBILE, LARGE = made_spaces.mobile(), made_spaces.large()
EVERYTHING = {space.name: parts.space_parts(space) for space in (MOBILE, LARGE)}


def keys(found):
    return [part.key for part in found]


@pytest.fixture(scope="module", params=[MOBILE, LARGE], ids=lambda space: space.name)
def space(request):
    return request.param


@pytest.fixture(scope="module")
def chosen(space):
    return part_selection.chosen(space)


@pytest.mark.parametrize("name", spaces.SPACES)
def test_every_part_of_a_fixed_space_is_timed_in_the_same_order(name):
    space = spaces.SPACES[name]
    if not part_selection.is_designed(space):
        assert keys(part_selection.chosen(space, seed=3)) == keys(parts.space_parts(space))


def test_the_default_is_a_small_share_in_the_order_of_the_space(space, chosen):
    everything = keys(EVERYTHING[space.name])
    assert len(everything) > 1900
    assert len(set(keys(chosen))) == len(chosen)
    assert part_selection.DEFAULT_PARTS <= len(chosen) < 200
    places = [everything.index(key) for key in keys(chosen)]
    assert places == sorted(places)


def test_every_layer_has_each_operation_width_and_resolution(space, chosen):
    blocks = {(part.source, part.resolution) for part in chosen if part.kind == "block"}
    sizes = {r: space.input_resolutions_at(r) for r in space.resolutions}
    for i, layer in enumerate(space.layers):
        own = []
        for r in space.resolutions:
            for before in space.widths[layer.input_width]:
                for after in space.widths[layer.output_width]:
                    if layer.input_width == layer.output_width and before != after:
                        continue
                    at = layer.at({layer.input_width: before, layer.output_width: after})
                    for block in at.blocks if isinstance(at, Slot) else [at]:
                        if (block, sizes[r][i]) in blocks:
                            own.append((block.op, before, after, sizes[r][i]))
        operations, befores, afters, pixels = map(set, zip(*own, strict=True))
        candidates = layer.candidates if isinstance(layer, Slot) else (layer.op,)
        # A skip between equal sides costs nothing and is no part.
        assert operations >= {op for op in candidates if op.kind != "skip"}
        assert befores == set(space.widths[layer.input_width])
        assert afters == set(space.widths[layer.output_width])
        assert pixels == {sizes[r][i] for r in space.resolutions}


def test_stems_and_heads_have_every_width_and_resolution(space, chosen):
    stems = [part for part in chosen if part.kind == "stem"]
    heads = [part for part in chosen if part.kind == "head"]
    last = list(space.widths.values())
    assert {part.spec["width"] for part in stems} == set(last[0])
    assert {part.resolution for part in stems} == set(space.resolutions)
    assert {part.spec["width"] for part in heads} == set(last[-1])
    assert {part.spec["input_width"] for part in heads} == set(last[-2])
    assert {part.resolution for part in heads} == {
        space.input_resolutions_at(r)[-1] for r in space.resolutions
    }


def test_every_operation_has_its_extremes_and_several_sizes(space, chosen):
    def by_operation(some):
        found = {}
        for part in some:
            if part.kind == "block":
                found.setdefault(str(part.source.op), []).append(part.num_macs)
        return found

    everything, subset = by_operation(EVERYTHING[space.name]), by_operation(chosen)
    assert set(subset) == set(everything)
    for name, macs in subset.items():
        assert (min(macs), max(macs)) == (min(everything[name]), max(everything[name]))
        assert len(set(macs)) >= 6


@pytest.mark.parametrize("tile", tiles.TILES, ids=str)
def test_no_part_of_the_space_lies_outside_the_range_of_the_subset(space, chosen, tile):
    everything = features.stacked(EVERYTHING[space.name], tile)
    subset = features.stacked(chosen, tile)
    assert (subset.max(axis=0) == everything.max(axis=0)).all()
    least = [np.where(x > 0.0, x, np.inf).min(axis=0) for x in (subset, everything)]
    assert (least[0] == least[1]).all()


def test_one_seed_is_one_subset_and_a_larger_one_contains_it():
    first = keys(part_selection.chosen(MOBILE, 120, seed=1))
    assert first == keys(part_selection.chosen(MOBILE, 120, seed=1))
    assert set(first) < set(keys(part_selection.chosen(MOBILE, 150, seed=1)))
    assert set(first) != set(keys(part_selection.chosen(MOBILE, 120, seed=2)))


def test_all_parts_can_be_asked_for():
    everything = keys(EVERYTHING[MOBILE.name])
    assert keys(part_selection.chosen(MOBILE, 0)) == everything
    assert keys(part_selection.chosen(MOBILE, len(everything) + 5)) == everything


def test_the_parts_added_to_the_covering_are_far_from_those_before():
    few, many = (part_selection.chosen(MOBILE, count) for count in (100, 160))
    rows = [np.log1p(features.stacked(some)) for some in (few, many)]

    def largest_gap(positions):
        everything = np.log1p(features.stacked(EVERYTHING[MOBILE.name]))
        distances = ((everything[:, None] - positions[None]) ** 2).sum(axis=2)
        return distances.min(axis=1).max()

    assert largest_gap(rows[1]) < largest_gap(rows[0])


def test_too_few_parts_are_refused_in_one_line():
    with pytest.raises(ValueError, match=r"^parts: expected at least \d+, which cover .*, or 0 "):
        part_selection.chosen(MOBILE, 20)
    with pytest.raises(ValueError, match="of tiny, or 0 for all 8; received 2"):
        part_selection.chosen(spaces.SPACES["tiny"], 2)


def test_a_space_of_few_parts_has_all_of_them_timed():
    space = made_spaces.small()
    assert part_selection.is_designed(space)
    everything = parts.space_parts(space)
    assert len(everything) < part_selection.DEFAULT_PARTS
    assert keys(part_selection.chosen(space)) == keys(everything)

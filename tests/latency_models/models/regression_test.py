"""A regression on a simulated machine whose blocks follow another law than the regression's."""

import dataclasses
import math
import re
import time

import made_rows
import made_spaces
import numpy as np
import pytest

import latency_models
from latency_models.measuring import (
    features,
    measurements,
    network_selection,
    part_selection,
    parts,
    tiles,
)
from latency_models.models import selection
from latency_models.models.regression import Regression
from nas import files
from nas.architecture import spaces
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import MBConv
from nas.architecture.specs import SearchSpace

CIFAR = spaces.SPACES["cifar"]
# Of int8 with AVX-512.
WHOLE = tiles.Tile(7, 16, 16, 16)
# Of float32 with AVX-512.
NARROW = tiles.Tile(7, 32, 1, 16, narrow_channels=16)
ENVIRONMENT = {"device": "local", "runtime": "r", "num_threads": 1, "delegate": "none"}


def alone_ms(part):
    """Arithmetic or memory, whichever takes longer, and for each part its own efficiency."""
    x = dict(
        zip(
            features.FEATURES,
            features.features(part.kind, part.spec, part.resolution),
            strict=True,
        )
    )
    moved = sum(value for name, value in x.items() if name.endswith("_values")) + x["weights"]
    efficiency = 1.0 + 0.05 * math.sin(int(part.key.split("-")[1], 16) % 1000)
    return efficiency * (2e-7 * max(part.num_macs, 2.0 * moved) + 1e-7 * moved + 1e-3)


def network_ms(child):
    return sum(1.1 * alone_ms(part) + 2e-4 for part in parts.child_parts(child))


def row(part, latency_ms, **changes):
    given = {"environment": ENVIRONMENT, "space": "cifar"} | changes
    return made_rows.row(part, latency_ms, 2.0, **given)


def rows_of(space, networks):
    found = [row(part, alone_ms(part), space=space.name) for part in parts.space_parts(space)]
    children = network_selection.sample_networks(space, networks)
    return found + [row(parts.network_part(c), network_ms(c), space=space.name) for c in children]


def space_like_cifar(resolution=32, widths=(16, 32, 64), kernels=(3, 5)):
    layers, width = [], 16
    for output in widths:
        for _ in range(2):
            candidates = tuple(MBConv(k, e) for e in (3, 6) for k in kernels)
            stride = 2 if output != width else 1
            layers.append(Slot(width, output, candidates, stride))
            width = output
    return SearchSpace("other", resolution, 10, Stem(16), tuple(layers), Head(128))


@pytest.fixture(scope="module")
def model():
    return Regression().fit(rows_of(CIFAR, 24), CIFAR)


def errors(model, space):
    children = network_selection.sample_networks(space, 20, seed=9)
    return np.array([model.predict(c) / network_ms(c) - 1.0 for c in children]), children


def test_networks_of_the_space_are_predicted(model):
    off, _ = errors(model, CIFAR)
    assert np.abs(off).mean() < 0.03
    assert model.evaluation_["networks"]["mape"] < 0.03
    assert model.evaluation_["blocks"]["count"] == 20
    assert model.evaluation_["blocks_of_unseen_shapes"]["mape"] < 0.1


@pytest.mark.parametrize(
    "space",
    [space_like_cifar(widths=(24, 48)), space_like_cifar(resolution=40), space_like_cifar(96)],
    ids=["widths", "resolution", "large images"],
)
def test_widths_and_resolutions_never_measured_are_predicted(model, space):
    off, children = errors(model, space)
    assert np.abs(off).mean() < 0.15
    beyond = [
        abs(error) * model.predict(child) / model.uncertainty_ms(child)
        for error, child in zip(off, children, strict=True)
    ]
    assert np.mean(np.array(beyond) < 2.0) >= 0.9


def test_extrapolation_is_said_with_how_far_and_how_uncertain(model):
    assert model.cautions(parts.space_parts(CIFAR)) == []
    (caution,) = model.cautions(parts.space_parts(space_like_cifar(96)))
    assert "the regression extrapolates for " in caution
    assert int(re.search(r"expected error (\d+) %", caution)[1]) >= 3
    # The stem's images have nine times as many pixels as any that was measured.
    assert "at 96x96 (spatial_macs 9.95e+05 above 1.11e+05)" in caution


def test_uncertainty_is_larger_where_it_extrapolates(model):
    near, far = space_like_cifar(32), space_like_cifar(160)
    relative = [
        model.uncertainty_ms(child) / model.predict(child)
        for child in (near.child([0] * 6), far.child([0] * 6))
    ]
    assert relative[0] < relative[1]


def test_a_kernel_nobody_measured_is_refused_with_those_that_were(model):
    space = space_like_cifar(kernels=(3, 7))
    with pytest.raises(
        ValueError,
        match="block k7 e3, .*: no measured part has depthwise_7x7_macs; "
        "the nearest it knows: depthwise_3x3_macs, depthwise_5x5_macs",
    ):
        model.slot_latencies(space)


def test_parts_of_other_spaces_are_learned_from():
    other = space_like_cifar(resolution=64, kernels=(7, 9))
    rows = rows_of(CIFAR, 12) + rows_of(other, 4)
    model = Regression().fit(rows, CIFAR)
    assert model.space_ == "cifar, other"
    assert model.evaluation_["networks"]["count"] == 12
    block = parts.block_part(Block(MBConv(7, 6), 16, 32, 2), 32)
    assert model.part_ms(block) == pytest.approx(1.1 * alone_ms(block), rel=0.15)


def tiled_ms(part, tile=WHOLE):
    """A machine that computes whole tiles, by default of 7 pixels and 16 channels."""
    x = features.features(part.kind, part.spec, part.resolution, tile)
    return float(x @ np.linspace(1e-6, 2e-6, len(x)))


def rows_on_tiles(space, networks, streamed_ms=0.0):
    """`streamed_ms`: what a network pays for each weight of a general depthwise program."""

    def of_network(child):
        streamed = sum(
            features.features(p.kind, p.spec, p.resolution)[
                features.FEATURES.index("general_weights")
            ]
            for p in parts.child_parts(child)
        )
        return sum(tiled_ms(p) for p in parts.child_parts(child)) + streamed_ms * streamed

    children = network_selection.sample_networks(space, networks)
    found = [row(part, tiled_ms(part), space=space.name) for part in parts.space_parts(space)]
    found += [row(parts.network_part(c), of_network(c), space=space.name) for c in children]
    return found, of_network


def test_the_tile_of_the_machine_is_found_and_predicts_tiles_filled_in_part(tmp_path):
    rows, of_network = rows_on_tiles(CIFAR, 12)
    model = Regression().fit(rows, CIFAR)
    assert model.tile_ == WHOLE
    model.save(tmp_path / "model.json")
    assert latency_models.load(tmp_path / "model.json").tile_ == WHOLE
    # Images of 10, 5 and 3 pixels leave parts of tiles empty as none that was measured does.
    other = space_like_cifar(resolution=20, widths=(24, 40))
    for child in network_selection.sample_networks(other, 8):
        assert model.predict(child) == pytest.approx(of_network(child), rel=0.03)


def test_a_machine_with_a_program_for_few_channels_is_told_from_the_others():
    rows, _ = rows_on_tiles(CIFAR, 12)
    by_key = {part.key: part for part in parts.space_parts(CIFAR)}
    of_parts = [
        dataclasses.replace(made, relative_latency=tiled_ms(by_key[made.key], NARROW) / 2.0)
        for made in rows
        if made.key in by_key
    ]
    networks = [made for made in rows if made.key not in by_key]
    assert Regression().fit(of_parts + networks, CIFAR).tile_ == NARROW


def test_a_file_from_before_there_were_narrow_programs_is_read(model, tmp_path):
    model.save(tmp_path / "model.json")
    data = files.read_json(tmp_path / "model.json")
    assert data["tile"].pop("narrow_channels") == model.tile_.narrow_channels
    data["tile"] |= {"channels": 16, "pass_channels": 32}
    files.write_json(tmp_path / "old.json", data)
    assert latency_models.load(tmp_path / "old.json").tile_.narrow_channels is None


def test_weights_that_networks_stream_are_learned_from_networks_and_count_in_parts():
    space = dataclasses.replace(space_like_cifar(kernels=(5, 7)), name="cifar")
    rows, of_network = rows_on_tiles(space, 24, streamed_ms=5e-4)
    model = Regression().fit(rows, space)
    assert model.correction_.per_streamed_weight_ms == pytest.approx(5e-4, rel=1e-6)
    block = parts.block_part(Block(MBConv(7, 6), 32, 32), 8)
    alone = model.regressor_.predict(
        features.features(block.kind, block.spec, block.resolution, model.tile_)[None]
    )[0]
    assert model.part_ms(block) == pytest.approx(alone + 5e-4 * 49 * 6 * 32, rel=1e-6)
    assert model.evaluation_["networks"]["mape"] < 0.01
    wide = space_like_cifar(widths=(24, 48), kernels=(5, 7))
    for child in network_selection.sample_networks(wide, 8):
        assert model.predict(child) == pytest.approx(of_network(child), rel=0.03)


def test_what_networks_add_is_learned_beside_the_errors_of_the_regressor(model):
    # `network_ms` adds this to parts whose own times the regressor does not meet.
    assert model.correction_.scale == pytest.approx(1.1, rel=1e-6)
    assert model.correction_.per_part_ms == pytest.approx(2e-4, rel=1e-6)


def test_an_unmeasured_part_of_a_network_is_predicted_while_learning():
    rows = rows_of(CIFAR, 12)
    without = [r for r in rows if r.label != rows[5].label]
    assert len(without) < len(rows)
    model = Regression().fit(without, CIFAR)
    assert model.correction_.scale == pytest.approx(1.1, rel=0.05)


@pytest.fixture(scope="module")
def mobile():
    """Rows of a subset of the parts of a space with widths and two resolutions."""
    space = made_spaces.mobile()
    measured = part_selection.chosen(space)
    children = network_selection.sample_networks(space)
    found = [row(part, alone_ms(part), space=space.name) for part in measured]
    networks = [row(parts.network_part(c), network_ms(c), space=space.name) for c in children]
    return space, found + networks


def test_a_subset_predicts_networks_of_all_widths_and_resolutions(mobile):
    space, rows = mobile
    model = Regression().fit(rows, space)
    generator = np.random.default_rng(7)
    children = [
        space.child([int(generator.integers(count)) for count in space.option_counts])
        for _ in range(60)
    ]
    assert {child.resolution for child in children} == {24, 32}
    off = np.array([model.predict(child) / network_ms(child) - 1.0 for child in children])
    assert np.abs(off).mean() < 0.03
    assert abs(off.mean()) < 0.01
    by_resolution = [off[[c.resolution == r for c in children]].mean() for r in (24, 32)]
    assert np.abs(by_resolution).max() < 0.015
    # The measured times of few parts suffice to learn what networks add.
    assert model.correction_.scale == pytest.approx(1.1, rel=0.02)
    assert model.evaluation_["networks"]["count"] == 64
    assert model.cautions(parts.space_parts(space)) == []


def test_what_grows_with_the_weights_of_a_network_is_learned_where_it_helps(mobile):
    space, rows = mobile

    def larger_ms(child):
        x = features.stacked(parts.child_parts(child))[:, features.FEATURES.index("weights")]
        return network_ms(child) + 2e-7 * x.sum() + 0.1

    children = network_selection.sample_networks(space)
    changed = [r for r in rows if r.kind != "network"] + [
        row(parts.network_part(child), larger_ms(child), space=space.name) for child in children
    ]
    model = Regression().fit(changed, space)
    assert model.correction_.per_network_ms == pytest.approx(0.1, rel=0.3)
    assert model.correction_.per_weight_ms == pytest.approx(2e-7, rel=0.3)
    others = network_selection.sample_networks(space, 20, seed=9)
    off = np.array([model.predict(child) / larger_ms(child) - 1.0 for child in others])
    assert np.abs(off).mean() < 0.03
    costs = model.costs(space)
    for child in others:
        total = costs.of(space.choices(child))
        assert total == pytest.approx(model.predict(child), rel=1e-9)
    # Where networks add nothing of the kind, and where they are few, it is left out.
    few = [r for r in changed if r.kind != "network"] + changed[-20:]
    assert Regression().fit(few, space).correction_.per_network_ms == 0.0


def test_networks_at_a_resolution_that_the_space_does_not_have_are_not_its_own(mobile):
    space, rows = mobile
    narrow = dataclasses.replace(space, resolution=(16, 32))
    networks, children = selection.networks(rows, narrow)
    assert {child.resolution for child in children} == {32}
    assert len(networks) < 64
    assert measurements.measured_space(narrow, rows).resolutions == (16, 32)
    with pytest.raises(ValueError, match="at least 4 whole networks of mobile_like, received 0"):
        selection.networks(rows, dataclasses.replace(space, resolution=(16, 20)))


def test_thousands_of_parts_become_costs_in_seconds():
    space = made_spaces.large()
    children = network_selection.sample_networks(space, 8)
    rows = [row(part, alone_ms(part), space=space.name) for part in part_selection.chosen(space)]
    rows += [row(parts.network_part(c), network_ms(c), space=space.name) for c in children]
    model = Regression().fit(rows, space)
    begin = time.process_time()
    costs = model.costs(space)
    assert time.process_time() - begin < 10.0  # About one second.
    for child in children:
        total = costs.of(space.choices(child))
        assert total == pytest.approx(model.predict(child), rel=1e-9)


def test_too_few_networks_are_refused():
    with pytest.raises(ValueError, match="at least 4 whole networks of cifar, received 3"):
        Regression().fit(rows_of(CIFAR, 3), CIFAR)


def test_measurements_that_do_not_belong_together_are_refused():
    rows = rows_of(CIFAR, 6)
    rows[2] = dataclasses.replace(rows[2], recipe="float32")
    with pytest.raises(ValueError, match="expected rows of one recipe"):
        Regression().fit(rows, CIFAR)


@pytest.mark.parametrize(
    "change, place",
    [
        (lambda d: d["regressor"]["coefficients"].pop(), "regressor: .*expected .* values"),
        (lambda d: d["regressor"]["coefficients"].__setitem__(0, -1.0), "regressor.coefficients.0"),
        (lambda d: d["regressor"].update(error="x"), "regressor.error"),
        (lambda d: d["tile"].update(pixels=0), "tile.pixels"),
        (lambda d: d.pop("tile"), "tile"),
        (lambda d: d.pop("correction"), "correction"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(model, tmp_path, change, place):
    model.save(tmp_path / "model.json")
    data = files.read_json(tmp_path / "model.json")
    change(data)
    files.write_json(tmp_path / "model.json", data)
    with pytest.raises(ValueError, match=f"model.json: {place}"):
        latency_models.load(tmp_path / "model.json")

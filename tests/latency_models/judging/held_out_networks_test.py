import dataclasses

import made_rows
import made_spaces
import numpy as np
import pytest

import latency_models
from latency_models.judging import held_out_networks
from latency_models.measuring import network_selection, part_selection, parts
from nas.architecture import counting, spaces

TINY = spaces.SPACES["tiny"]
CIFAR = spaces.SPACES["cifar"]
ENVIRONMENT = {"device": "local", "runtime": "r", "num_threads": 1, "delegate": "none"}


def row(part, latency_ms):
    return made_rows.row(part, latency_ms, 2.0, environment=ENVIRONMENT, space="cifar")


def fitted_on(space, networks):
    children = network_selection.sample_networks(space, networks)
    everything = parts.space_parts(space) + [parts.network_part(child) for child in children]
    rows = [row(part, 1e-6 * part.num_macs) for part in everything]
    model = latency_models.latency_model("lookup_table").fit(rows, space)
    return model, {r.key for r in rows if r.kind == "network"}


def keys_of(groups):
    return [parts.network_part(child).key for members in groups.values() for child in members]


@pytest.fixture(scope="module")
def cifar():
    return fitted_on(CIFAR, 8)


def test_networks_are_new_different_and_as_many_as_asked(cifar):
    model, fitted = cifar
    child = CIFAR.child([1] * len(CIFAR.slots), "searched")
    groups = held_out_networks.sample(model, CIFAR, 30, fitted, [child])
    assert list(groups) == ["uniform", "extremes", "children"]
    keys = keys_of(groups)
    assert len(set(keys)) == len(keys) == 30
    assert not set(keys) & fitted
    assert groups["children"] == [child]
    assert keys == keys_of(held_out_networks.sample(model, CIFAR, 30, fitted, [child]))
    assert keys != keys_of(held_out_networks.sample(model, CIFAR, 30, fitted, [child], seed=1))


def test_extremes_are_the_fastest_and_slowest_that_were_not_fitted(cifar):
    model, fitted = cifar
    groups = held_out_networks.sample(model, CIFAR, 30, fitted)
    macs = [counting.num_macs(child) for child in groups["extremes"]]
    others = [counting.num_macs(child) for child in groups["uniform"]]
    # The very fastest and slowest were fitted, the first two of every sample.
    assert max(macs[:2]) < min(others)
    assert min(macs[2:]) > max(others)


def test_extremes_in_their_order_are_those_of_all_networks():
    model, _ = fitted_on(TINY, 4)
    groups = held_out_networks.sample(model, TINY, TINY.cardinality, set())
    predicted = sorted(model.predict(child) for members in groups.values() for child in members)
    assert len(predicted) == 12
    extremes = [model.predict(child) for child in groups["extremes"]]
    assert extremes == pytest.approx(predicted[:2] + predicted[:-3:-1])


def test_what_cannot_be_held_out_is_refused(cifar):
    model, fitted = cifar
    used = network_selection.sample_networks(CIFAR, 8)[3]
    with pytest.raises(ValueError, match="cifar_3, which was used"):
        held_out_networks.sample(model, CIFAR, 30, fitted, [used])
    with pytest.raises(ValueError, match="networks: expected more than 4, .* received 4"):
        held_out_networks.sample(model, CIFAR, 4, fitted)
    foreign = spaces.PUBLISHED_CHILDREN["proxyless_mobile"]
    with pytest.raises(ValueError, match="has no entry for"):
        held_out_networks.sample(model, CIFAR, 30, fitted, [foreign])
    model, fitted = fitted_on(TINY, 4)
    with pytest.raises(ValueError, match="expected 16 more of tiny .* found 4"):
        held_out_networks.sample(model, TINY, 20, fitted)


def test_comparison_by_hand(cifar):
    model, fitted = cifar
    groups = held_out_networks.sample(model, CIFAR, 10, fitted)
    children = [child for members in groups.values() for child in members]
    exact = [row(parts.network_part(c), model.predict(c)) for c in children]
    slower = [dataclasses.replace(r, relative_latency=1.2 * r.relative_latency) for r in exact]
    found = held_out_networks.compare(model, groups, [exact, slower])
    assert list(found) == ["uniform", "extremes", "all", "repeats"]
    assert [found[name]["count"] for name in found] == [6, 4, 10, 10]
    # The mean of both passes is 1.1 times the prediction.
    assert found["all"]["bias"] == pytest.approx(1.0 / 1.1 - 1.0)
    assert found["repeats"]["mape"] == pytest.approx(1.0 - 1.0 / 1.2)
    predicted = np.array([model.predict(child) for child in children])
    # The passes are x and 1.2 x: a mean of 1.1 x, and a difference of 0.2 x, the noise of two.
    ratio = (1.1 * predicted).std() / np.sqrt(np.mean((0.2 * predicted) ** 2) / 2.0)
    assert found["repeats"]["spread_over_noise"] == pytest.approx(ratio)
    equal = held_out_networks.compare(model, groups, [exact, exact])
    assert equal["repeats"]["spread_over_noise"] is None
    other = [dataclasses.replace(r, reference="network-other") for r in exact]
    with pytest.raises(
        ValueError, match="with reference model network-other; benchmark and fit again"
    ):
        held_out_networks.compare(model, groups, [exact, other])


def test_a_child_keeps_its_resolution_where_the_space_has_it():
    space = made_spaces.mobile()
    for resolution in space.resolutions:
        child = spaces.load_child("proxyless_mobile").with_task(7, resolution)
        found = held_out_networks.with_task_of(space, child)
        assert (found.resolution, found.num_classes) == (resolution, 10)
    elsewhere = spaces.load_child("proxyless_mobile")
    assert held_out_networks.with_task_of(space, elsewhere).resolution == 32


def test_networks_of_a_space_with_widths_mix_widths_and_resolutions():
    space = made_spaces.small()
    children = network_selection.sample_networks(space, 8)
    everything = part_selection.chosen(space) + [parts.network_part(c) for c in children]
    rows = [
        made_rows.row(part, 1e-6 * part.num_macs, environment=ENVIRONMENT, space=space.name)
        for part in everything
    ]
    model = latency_models.Regression().fit(rows, space)
    groups = held_out_networks.sample(model, space, 14, set(model.networks_))
    assert len(groups["extremes"]) == 4
    assert {child.resolution for child in groups["uniform"]} == {12, 16}
    assert {child.layers[-1].output_width for child in groups["uniform"]} == {8, 16}
    found = [child for group in groups.values() for child in group]
    assert len({space.choices(child) for child in found} | set(map(space.choices, children))) == 22

"""Tests that every search algorithm must pass, on small spaces with and without widths."""

import dataclasses
import functools
import json
import shutil
import types

import kept_networks
import keras
import numpy as np
import pytest
import tensorflow as tf

from nas import objectives
from nas.architecture import spaces
from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.choices import space_costs
from nas.choices.candidate_costs import Latencies
from nas.data.splits.dataset import Dataset
from nas.data.splits.memory_split import MemorySplit
from nas.distribution.hosts import Distribution
from nas.searching import algorithm_names, algorithms, finalist_record, search
from nas.searching.search_config import SearchConfig
from nas.supernet import supernet
from nas.training import child_training

SPACE = SearchSpace(
    name="contract",
    resolution=8,
    num_classes=3,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, 4, (MBConv(3, 1), Skip(), MBConv(5, 2))),
        Slot(4, 6, (MBConv(3, 1), MBConv(5, 1)), 2),
    ),
    head=Head(6),
)
LATENCIES = Latencies([np.array([4.0, 1.0, 9.0]), np.array([2.0, 7.0])], 1.0)
# Widths and the resolution are decisions too.
DECIDING = SearchSpace(
    name="deciding",
    resolution=(8, 6),
    num_classes=3,
    stem=Stem("w", 3, 2),
    layers=(
        Slot("w", "w", (MBConv(3, 1), Skip(), MBConv(5, 2))),
        Slot("w", "v", (MBConv(3, 1), MBConv(5, 1)), 2),
    ),
    head=Head("head"),
    widths={"w": (8, 4), "v": (6, 16, 24), "head": (6, 12)},
)
SPACES = {"fixed": SPACE, "deciding": DECIDING}
COSTS = {"fixed": LATENCIES, "deciding": space_costs.macs_of(DECIDING)}
FASTEST = {"fixed": [1, 0], "deciding": [1, 0, 1, 0, 0, 1]}


class LatencyAlone(objectives.Objective):
    """An objective for which the fastest child is the best."""

    def gradient_weights(self, cross_entropy, expected_ms):
        del cross_entropy, expected_ms
        return tf.constant(0.0), tf.constant(1.0)


# The fastest child also has the best reward: it hits the target, and accuracy is at most 1.
CONFIGS = {
    kind: SearchConfig(target=costs.fastest_ms, reward="absolute", reward_beta=-10.0)
    for kind, costs in COSTS.items()
}


def made(name, kind):
    """An algorithm for a space, or None if it trains no supernet or refuses the space."""
    found = algorithms.algorithm(name, CONFIGS[kind])
    is_refused = SPACES[kind].decisions - found.decisions
    return found if isinstance(found, algorithms.SupernetAlgorithm) and not is_refused else None


IN_SUPERNET = [
    (name, kind) for kind in SPACES for name in algorithms.ALGORITHMS if made(name, kind)
]
LEARNERS = [(name, kind) for name, kind in IN_SUPERNET if made(name, kind).learns_alpha]


@functools.cache
def compiled(name, kind):
    net = supernet.Supernet(SPACES[kind], seed=2)
    net.compile(
        keras.optimizers.SGD(0.1),
        made(name, kind),
        keras.optimizers.Adam(0.1, 0.0, 0.999),
        objective=LatencyAlone(),
        latencies=COSTS[kind],
    )
    return net


@functools.cache
def graphs_of(net):
    """Weight step and architecture step and its gradient, each traced once, as `fit` does."""

    def weight_step(images, labels, seed):
        net.weight_step(images, labels, net.algorithm.weight_route(net, seed))

    def gradient(images, labels, seed):
        return net.algorithm.architecture_gradient(net, images, labels, seed)

    return types.SimpleNamespace(
        weight_step=tf.function(weight_step, autograph=False),
        gradient=tf.function(gradient, autograph=False),
        architecture_step=tf.function(net.architecture_step, autograph=False),
    )


@pytest.fixture(scope="module", params=IN_SUPERNET, ids="-".join)
def net(request):
    return compiled(*request.param)


@pytest.fixture(scope="module", params=LEARNERS, ids="-".join)
def learner(request):
    return compiled(*request.param)


@pytest.fixture(scope="module")
def batch():
    images = np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 3))
    return tf.constant(images, tf.float32), tf.constant([0, 1, 2] * 2, tf.int64)


def seed(i):
    return tf.constant([i, 1], tf.int64)


def weights_of(net):
    """Returns the weights at the first widths, by candidate, and those of the rest by variable."""
    found = {v.path: np.array(v) for v in net.variables if "group" not in v.path}
    for op in net._ops:
        for candidate in range(op.num_candidates):
            values = [weight.ravel() for weight in op.export(candidate)]
            if values:
                found[f"{op.name} {candidate}"] = np.concatenate(values)
    return found


def weight_step(net, batch, i):
    """Returns the weights after a weight step, and restores the first state of the fixture."""
    first = [np.array(v) for v in (*net.variables, *net.optimizer.variables)]
    graphs_of(net).weight_step(*batch, seed(i))
    after = weights_of(net)
    for variable, value in zip((*net.variables, *net.optimizer.variables), first, strict=True):
        variable.assign(value)
    return after


def test_a_reward_is_a_metric_where_there_is_one(learner, batch):
    learner.reset_metrics()
    found = graphs_of(learner).gradient(*batch, seed(3))
    before = np.array(learner.alpha)
    graphs_of(learner).architecture_step(*batch, seed(3))
    learner.alpha.assign(before)
    logs = learner._logs()
    assert ("reward" in logs) == learner.algorithm.is_rewarded
    if learner.algorithm.is_rewarded:
        np.testing.assert_allclose(logs["reward"], found.reward, rtol=1e-6)
        assert "reward" in [metric.name for metric in learner.metrics]


def test_a_weight_step_trains_every_candidate_sooner_or_later_and_never_alpha(net, batch):
    before = weights_of(net)
    moved = set()
    for i in range(12):
        after = weight_step(net, batch, i)
        np.testing.assert_array_equal(after[net.alpha.path], before[net.alpha.path])
        moved |= {name for name in before if not np.array_equal(after[name], before[name])}
    assert moved == {*before} - {net.alpha.path, net.step.path}


def test_the_same_seed_makes_the_same_weight_step(net, batch):
    first, again = (weight_step(net, batch, 5) for _ in range(2))
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)


def test_its_state_can_be_kept_in_a_checkpoint(net):
    for name, variable in net.algorithm.variables.items():
        assert isinstance(name, str) and isinstance(variable, tf.Variable)


def test_the_gradient_has_alphas_shape_and_no_part_in_the_padding(learner, batch):
    results = [graphs_of(learner).gradient(*batch, seed(i)) for i in range(4)]
    for result in results:
        assert result.gradient.shape == learner.alpha.shape
        assert np.isfinite(result.gradient).all()
        assert not result.gradient.numpy()[~learner.mask].any()
        assert result.cross_entropy.shape == result.accuracy.shape == ()
        assert result.cross_entropy > 0 and 0 <= result.accuracy <= 1
    assert any(result.gradient.numpy().any() for result in results)


def test_the_same_seed_gives_the_same_gradient(learner, batch):
    first, again = (graphs_of(learner).gradient(*batch, seed(3)) for _ in range(2))
    np.testing.assert_array_equal(first.gradient, again.gradient)
    np.testing.assert_array_equal(first.cross_entropy, again.cross_entropy)


def test_weights_moments_and_alpha_are_read_only(learner, batch):
    before = [np.array(v) for v in learner.variables]
    for i in range(2):
        graphs_of(learner).gradient(*batch, seed(i))
    for variable, value in zip(learner.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value, err_msg=variable.path)


def test_the_clearly_better_candidates_win(learner, batch):
    state = (*learner.variables, *learner.algorithm.variables.values())
    start = [np.array(v) for v in state]
    for i in range(80):
        graphs_of(learner).architecture_step(*batch, tf.constant([i, 9], tf.int64))
    probabilities = learner.probabilities
    assert not np.array(learner.alpha)[~learner.mask].any()
    for variable, value in zip(state, start, strict=True):
        variable.assign(value)
    kind = "fixed" if learner.space is SPACE else "deciding"
    np.testing.assert_array_equal(np.nanargmax(probabilities, axis=1), FASTEST[kind])
    assert (np.nanmax(probabilities, axis=1) > 0.8).all()


def test_unknown_algorithms_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="expected one of proxyless_gradient.*received 'magic'"):
        algorithms.algorithm("magic")


def test_every_algorithm_has_a_line_of_description():
    assert list(algorithm_names.DESCRIPTIONS) == list(algorithms.ALGORITHMS)


TINY = spaces.SPACES["tiny"].with_task(3, 8)
TINY_LATENCIES = Latencies([np.array(ms) for ms in ([2.0, 5.0], [1.0, 6.0], [3.0, 7.0, 0.0])], 1.0)
SHORT = SearchConfig(
    epochs=2,
    warmup_epochs=1,
    batch_size=8,
    target=9.5,
    is_limit=True,
    arch_learning_rate=0.1,
    arch_period=1,
    evolution_population=3,
    evolution_generations=2,
    random_networks=2,
)


TRAINING_PATHS = [
    name for name, made in algorithms.ALGORITHMS.items() if getattr(made, "trains_paths", False)
]
# Three finalists are trained in two rounds; two, once.
NUM_FINALISTS = {name: 3 if name == "proxyless_reinforce" else 2 for name in TRAINING_PATHS}


@pytest.fixture(scope="module")
def dataset():
    """Images whose mean brightness depends on their label."""
    rng = np.random.default_rng(0)

    def split(name, count):
        labels = np.arange(count) % 3
        images = rng.integers(0, 100, (count, 8, 8, 3)) + 70 * labels[:, None, None, None]
        return MemorySplit(images.astype(np.uint8), labels, name, np.arange(count))

    parts = [split(name, count) for name, count in (("train", 24), ("train", 12), ("test", 12))]
    return Dataset("bright", ("dark", "gray", "bright"), *parts)


class Copies(keras.callbacks.Callback):
    """Copies a folder after every epoch and every tracked item, as if the run was killed then."""

    def __init__(self, directory):
        super().__init__()
        self.directory, self.made = directory, []

    def copy(self):
        path = self.directory.with_name(f"copy_{len(self.made)}")
        self.made.append(shutil.copytree(self.directory, path))

    def on_epoch_end(self, epoch, logs=None):
        self.copy()

    def track(self, items, total, label):
        for item in items:
            yield item
            self.copy()


def kept_files(directory):
    found = {"metrics": (directory / "metrics.jsonl").read_bytes()}
    with np.load(directory / "alphas.npz") as stored:
        found["alphas"] = stored["alphas"].tobytes()
    if (directory / "networks.json").exists():
        found["networks"] = json.loads((directory / "networks.json").read_text())["networks"]
    return found


# The fixed space, and algorithms that refuse the other one on a small fixed space.
@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
@pytest.mark.parametrize(
    ("space", "latencies"),
    [
        pytest.param(DECIDING, COSTS["deciding"], id="deciding"),
        pytest.param(TINY, TINY_LATENCIES, id="tiny", marks=pytest.mark.integration),
    ],
)
def test_a_search_keeps_the_limit_and_resumes_to_the_same_end(
    name, space, latencies, dataset, tmp_path
):
    # The same fraction of the range as the limit of SHORT in the tiny space.
    limit = 9.5 if isinstance(latencies, Latencies) else latencies.at(0.6)
    config = dataclasses.replace(SHORT, algorithm=name, target=limit)
    given = space, dataset, latencies, config
    if space.decisions - algorithms.ALGORITHMS[name].decisions:
        able = f"algorithm {name}: .* about resolutions and widths, .*; use one of proxyless_grad"
        with pytest.raises(ValueError, match=able):
            search.search(*given, tmp_path / "whole")
        assert not (tmp_path / "whole").exists()
        given = SPACE, dataset, LATENCIES, dataclasses.replace(config, target=9.5)
    with kept_networks.kept():
        _search_and_resume(given, tmp_path)


@pytest.mark.parametrize("name", [n for n in algorithms.ALGORITHMS if n not in TRAINING_PATHS])
@pytest.mark.parametrize("asked", [{"derive": "estimate"}, {"finalists": 3}], ids=repr)
def test_an_estimate_is_refused_where_no_paths_are_trained(name, asked, dataset, tmp_path):
    config = dataclasses.replace(
        SHORT, algorithm=name, target=COSTS["deciding"].at(0.6), epochs=17, is_limit=False, **asked
    )
    able = "proxyless_gradient, proxyless_gradient_full, proxyless_reinforce, one_shot_single"
    with pytest.raises(ValueError, match=f"{name}|{able}|finalists: expected 1 "):
        search.search(DECIDING, dataset, COSTS["deciding"], config, tmp_path / "whole")
    assert not (tmp_path / "whole").exists()


def check_estimate(directory):
    """Returns the rows of the estimate that a search left."""
    found = json.loads((directory / "estimate.json").read_text())
    assert found["steps"] == 52 and len(found["rows"]) == len(DECIDING.option_counts)
    assert [row["name"] for row in found["rows"][-2:]] == ["width head", "resolution"]
    return found["rows"]


def test_an_estimate_chooses_in_the_band_and_resumes(dataset, tmp_path):
    """That every algorithm has one is seen with the finalists below."""
    costs = COSTS["deciding"]
    config = dataclasses.replace(SHORT, target=costs.at(0.6), epochs=17, is_limit=False)
    config = dataclasses.replace(config, algorithm="one_shot_single_path", derive="estimate")
    given = DECIDING, dataset, costs, config
    with kept_networks.kept():
        whole = search.search(*given, tmp_path / "whole")
        # A copy of its checkpoints gives the same estimate.
        again = search.search(*given, shutil.copytree(tmp_path / "whole", tmp_path / "copy"))
    assert abs(whole.predicted_cost / config.target - 1.0) < 0.15
    assert again.choices == whole.choices
    assert check_estimate(tmp_path / "copy") == check_estimate(tmp_path / "whole")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == "proxyless_reinforce" else pytest.mark.integration)
        for name in TRAINING_PATHS
    ],
)
def test_finalists_are_judged_and_resume_to_the_same_child(name, dataset, tmp_path):
    costs, count = COSTS["deciding"], NUM_FINALISTS[name]
    config = dataclasses.replace(
        SHORT, algorithm=name, target=costs.at(0.2), epochs=17, is_limit=False, finalists=count
    )
    given = DECIDING, dataset, costs, config
    copies = Copies(tmp_path / "whole")
    with kept_networks.kept():
        whole = search.search(*given, tmp_path / "whole", track=copies.track)
        # As if the search was killed before the last training of the first round.
        finished = [len(list(copy.glob("finalists/*/*.json"))) for copy in copies.made]
        killed = copies.made[finished.index(count - 1)]
        trained = list(killed.glob("finalists/*/*.keras"))
        before = {path: path.stat().st_mtime_ns for path in trained}
        again = search.search(*given, killed)
    record = finalist_record.read(tmp_path / "whole")
    assert len({one.choices for one in record.finalists}) == count
    assert [one.origin for one in record.finalists][0] == "estimate"
    # Three, then two, then the better of these; or two, and the better.
    rounds = sorted(len(one.losses) for one in record.finalists)
    assert rounds == ([1, 2, 2] if count == 3 else [1, 1])
    last = [one for one in record.finalists if len(one.losses) == rounds[-1]]
    assert whole.choices == min(last, key=lambda one: one.losses[-1]).choices
    # For One-Shot the target is a limit, and what evolution finds may be much faster.
    is_limit = name.startswith("one_shot")
    for one in record.finalists:
        assert one.cost == costs.of(one.choices)
        assert one.cost <= config.target * (1.0 if is_limit else 1.15)
        assert one.cost >= config.target * 0.85 or (is_limit and one.origin == "alpha")
    assert again.choices == whole.choices and len(trained) == count - 1
    assert before == {path: path.stat().st_mtime_ns for path in trained}
    assert finalist_record.read(killed).finalists == record.finalists
    assert check_estimate(killed) == check_estimate(tmp_path / "whole")


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
@pytest.mark.parametrize("kind", SPACES)
def test_checkpoints_of_cut_weights_are_known_by_their_layout(name, kind, dataset):
    """Before, these weights were in rows; a search with fixed widths goes on as it was."""
    if SPACES[kind].decisions - algorithms.ALGORITHMS[name].decisions:
        return
    config = dataclasses.replace(SHORT, algorithm=name, target=0.0)
    task, own = search.prepare(SPACES[kind], dataset, COSTS[kind], config, Distribution())
    is_cut = kind == "deciding" and isinstance(own, algorithms.SupernetAlgorithm)
    assert task.identity.get("weight_layout") == ("chunks" if is_cut else None)


def _search_and_resume(given, tmp_path):
    space, dataset, latencies, config = given
    copies = Copies(tmp_path / "whole")
    whole = search.search(*given, tmp_path / "whole", [copies], track=copies.track)
    assert len(copies.made) >= 2
    assert whole.predicted_cost == latencies.of(whole.choices) <= config.target
    assert whole.probabilities.shape == latencies.mask.shape
    np.testing.assert_allclose(np.nansum(whole.probabilities, axis=1), 1.0, rtol=1e-5)
    model = keras.saving.load_model(tmp_path / "whole/child.keras", compile=False)
    images = dataset.at_resolution(space.child(whole.choices).resolution)
    assert child_training.evaluate(model, images.validation) == whole.validation_accuracy
    told = []
    killed = copies.made[len(copies.made) // 2]
    again = search.search(*given, killed, report=told.append)
    assert "starting over" not in " ".join(told)
    assert kept_files(killed) == kept_files(tmp_path / "whole")
    for field in dataclasses.fields(whole):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(whole, field.name))

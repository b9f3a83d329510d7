"""Compares the policy gradient with that of the expected reward, enumerated on a small space."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture.blocks import Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.choices import sampling
from nas.choices.candidate_costs import Latencies
from nas.searching.algorithms import proxyless_gradient, proxyless_reinforce
from nas.searching.algorithms.proxyless_reinforce import Reinforce
from nas.searching.search_config import SearchConfig
from nas.supernet import supernet
from nas.supernet.learning_network import ArchitectureGradient

SPACE = SearchSpace(
    name="six_paths",
    resolution=8,
    num_classes=3,
    stem=Stem(4, 3, 1),
    layers=(
        Slot(4, 4, (MBConv(3, 2), Skip(), MBConv(5, 1))),
        Slot(4, 6, (MBConv(5, 2), Skip()), 2),
    ),
    head=Head(8),
)
PATHS = list(itertools.product(range(3), range(2)))
LATENCIES = Latencies([np.array([3.0, 0.0, 5.0]), np.array([4.0, 1.0])], 2.0)
ALPHA = np.array([[0.3, -0.2, 0.1], [0.5, -0.4, 0.0]])
FORMS = [("power", 6.0), ("absolute", 6.0), ("power", 0.0)]


def probabilities(alpha):
    exponents = np.exp(alpha) * [[1, 1, 1], [1, 1, 0]]
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def net(batch):
    net = supernet.Supernet(SPACE, seed=3)
    net.compile(
        keras.optimizers.SGD(0.1), proxyless_gradient.TwoPathGradient(), latencies=LATENCIES
    )
    net.alpha.assign(ALPHA)
    rng = np.random.default_rng(5)
    for op in net.mixed_ops:
        for group in op.weighted_groups:
            group.affine.assign(rng.uniform(0.5, 1.5, group.affine.shape))
    # No class has the largest logit for every image.
    mean_logits = tf.reduce_mean(net(batch[0], tf.constant([0, 0]), training=True), axis=0)
    net.classifier.bias.assign(-mean_logits)
    return net


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    images = tf.constant(rng.uniform(-1, 1, (30, 8, 8, 3)), tf.float32)
    return images, tf.constant(np.arange(30) % 3, tf.int64)


@pytest.fixture(scope="module")
def accuracies(net, batch):
    """The accuracy of every path, normalized by the moments of the batch."""
    images, labels = batch
    found = {}
    for path in PATHS:
        predicted = np.argmax(net(images, tf.constant(path), training=True), axis=1)
        found[path] = np.mean(predicted == labels.numpy())
    assert len(set(found.values())) > 2
    return found


def algorithm(form, target_ms, **settings):
    return Reinforce(SearchConfig(reward=form, target=target_ms, **settings))


def rewards(form, target_ms, accuracies):
    """The rewards of all paths, implemented a second time in double precision."""
    found = {}
    for path, accuracy in accuracies.items():
        ratio = LATENCIES.of(path) / target_ms if target_ms else 1.0
        power, absolute = accuracy * ratio**-0.1, accuracy - 0.1 * abs(ratio - 1.0)
        found[path] = {"power": power, "absolute": absolute}[form]
    return found


@pytest.mark.parametrize(("form", "target_ms"), FORMS)
@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_its_mean_over_all_paths_is_the_gradient_of_the_expected_reward(
    form, target_ms, baseline, net, batch, accuracies, monkeypatch
):
    reinforce = algorithm(form, target_ms, reinforce_networks=1)
    reinforce.baseline.assign(baseline)
    reinforce.baseline_steps.assign(1)
    p = probabilities(ALPHA)
    mean = np.zeros_like(p)
    for path in PATHS:
        monkeypatch.setattr(sampling, "sample_path", lambda *_, path=path: tf.constant(path))
        found = reinforce.architecture_gradient(net, *batch, tf.constant([1, 2], tf.int64))
        mean += p[0, path[0]] * p[1, path[1]] * found.gradient.numpy()
    by_path = rewards(form, target_ms, accuracies)

    def expected_reward(alpha):
        p = probabilities(alpha)
        return sum(p[0, i] * p[1, j] * reward for (i, j), reward in by_path.items())

    gradient = np.zeros_like(p)
    for place in np.ndindex(*p.shape):
        step = np.zeros_like(p)
        step[place] = 1e-4
        gradient[place] = expected_reward(ALPHA + step) - expected_reward(ALPHA - step)
    gradient /= 2e-4
    assert np.abs(gradient).max() > 1e-3
    # The algorithm returns the negative gradient, for an optimizer that descends.
    np.testing.assert_allclose(-mean, gradient, atol=1e-6)


def test_a_step_is_the_mean_over_its_networks(net, batch, accuracies):
    reinforce = algorithm("power", 6.0, reinforce_networks=7)
    reinforce.baseline.assign(0.2)
    reinforce.baseline_steps.assign(1)
    seed = tf.constant([5, 6], tf.int64)
    found = tf.function(reinforce.architecture_gradient, autograph=False)(net, *batch, seed)
    paths = [
        tuple(sampling.sample_path(net.alpha.value, net.mask, one).numpy())
        for one in tf.unstack(tf.random.split(seed, 7))
    ]
    assert len(set(paths)) > 2
    by_path = rewards("power", 6.0, accuracies)
    expected = np.zeros([2, 3])
    for path in paths:
        scores = -probabilities(ALPHA)
        scores[[0, 1], path] += 1.0
        expected -= (by_path[path] - 0.2) * scores / 7
    np.testing.assert_allclose(found.gradient, expected, atol=1e-6)
    np.testing.assert_allclose(found.reward, np.mean([by_path[p] for p in paths]), rtol=1e-5)
    np.testing.assert_allclose(found.accuracy, np.mean([accuracies[p] for p in paths]), rtol=1e-5)


def test_before_the_first_step_the_batch_is_its_own_baseline(net, batch):
    seed = tf.constant([5, 6], tf.int64)
    fresh, later = (algorithm("power", 6.0) for _ in range(2))
    first = fresh.architecture_gradient(net, *batch, seed)
    later.baseline.assign(first.reward)
    later.baseline_steps.assign(1)
    np.testing.assert_array_equal(
        first.gradient, later.architecture_gradient(net, *batch, seed).gradient
    )


def test_the_baseline_follows_the_mean_rewards(net, batch):
    reinforce = Reinforce()
    for reward in (0.5, 0.7, 0.3):
        gradient = ArchitectureGradient(tf.zeros([2, 3]), 0.0, 0.0, tf.constant(reward))
        reinforce.observe(gradient)
    kept = proxyless_reinforce.BASELINE_MOMENTUM
    second = kept * 0.5 + (1 - kept) * 0.7
    np.testing.assert_allclose(reinforce.baseline, kept * second + (1 - kept) * 0.3, rtol=1e-6)
    before = float(reinforce.baseline)
    reinforce.architecture_gradient(net, *batch, tf.constant([1, 2], tf.int64))
    assert float(reinforce.baseline) == before


def num_nodes(net, batch, networks):
    reinforce = algorithm("power", 6.0, reinforce_networks=networks)
    step = tf.function(
        lambda i: reinforce.architecture_gradient(net, *batch, tf.stack([i, i])), autograph=False
    )
    traced = step.get_concrete_function(tf.TensorSpec([], tf.int64)).graph.as_graph_def()
    return len(traced.node) + sum(len(f.node_def) for f in traced.library.function)


def test_the_graph_does_not_grow_with_the_number_of_networks(net, batch):
    assert num_nodes(net, batch, 2) == num_nodes(net, batch, 20)


def test_the_other_networks_of_a_step_are_a_baseline(net, batch, accuracies):
    reinforce = algorithm("power", 6.0, reinforce_networks=3, reward_baseline="others")
    # A moving average would be used otherwise.
    reinforce.baseline.assign(100.0)
    reinforce.baseline_steps.assign(1)
    seed = tf.constant([5, 8], tf.int64)
    found = reinforce.architecture_gradient(net, *batch, seed)
    paths = [
        tuple(sampling.sample_path(net.alpha.value, net.mask, one).numpy())
        for one in tf.unstack(tf.random.split(seed, 3))
    ]
    assert len(set(paths)) > 1
    rewarded = [rewards("power", 6.0, accuracies)[path] for path in paths]
    expected = np.zeros([2, 3])
    for i, path in enumerate(paths):
        scores = -probabilities(ALPHA)
        scores[[0, 1], path] += 1.0
        others = (sum(rewarded) - rewarded[i]) / 2
        expected -= (rewarded[i] - others) * scores / 3
    np.testing.assert_allclose(found.gradient, expected, atol=1e-6)


def test_networks_are_judged_by_the_likelihood_of_a_part_of_the_images(net, batch):
    images, labels = batch
    settings = {"reinforce_networks": 2, "reward_quality": "likelihood"}
    reinforce = Reinforce(SearchConfig(**settings, reinforce_images=10, batch_size=30))
    seed = tf.constant([5, 6], tf.int64)
    # As in `fit`, the number of images is not known when the step is traced.
    specs = [tf.TensorSpec([None, 8, 8, 3]), tf.TensorSpec([None], tf.int64), seed]
    step = tf.function(lambda *given: reinforce.architecture_gradient(net, *given), autograph=False)
    found = step.get_concrete_function(*specs)(images, labels, seed)
    likelihoods = []
    for one in tf.unstack(tf.random.split(seed, 2)):
        path = sampling.sample_path(net.alpha.value, net.mask, one)
        logits = net(images[:10], path, training=True)
        right = tf.gather(tf.nn.log_softmax(logits), labels[:10], batch_dims=1)
        likelihoods.append(np.exp(np.mean(right)))
    np.testing.assert_allclose(found.reward, np.mean(likelihoods), rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"reinforce_images": 65, "batch_size": 64},
            "reinforce_images: expected at most batch_siz",
        ),
        ({"reward_baseline": "others", "reinforce_networks": 1}, "expected at least 2 with reward"),
        ({"reward_baseline": "mean"}, "reward_baseline: expected one of average, others"),
        ({"reward_quality": "luck"}, "reward_quality: expected one of accuracy, likelihood"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        SearchConfig(**settings)

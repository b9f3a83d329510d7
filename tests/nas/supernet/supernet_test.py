import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture import counting, spaces
from nas.architecture.blocks import Block, Head, Slot, Stem
from nas.architecture.operations import MBConv, Skip
from nas.architecture.specs import SearchSpace
from nas.choices import sampling
from nas.searching import algorithms
from nas.searching.algorithms import proxyless_gradient
from nas.supernet import routes, supernet

# All cases in one space: an identity as a candidate and as a fixed layer, a skip that projects,
# chains of different length in one slot, and slots with different numbers of candidates.
SPACE = SearchSpace(
    name="mixed",
    resolution=8,
    num_classes=3,
    stem=Stem(4, 3, 2),
    layers=(
        Slot(4, 4, (MBConv(3, 2), MBConv(5, 1, "relu"), Skip(), MBConv(5, 3))),
        Block(Skip(), 4, 4),
        Block(MBConv(3, 1), 4, 4),
        Slot(4, 6, (MBConv(3, 2), Skip(), MBConv(5, 1)), 2),
    ),
    head=Head(8, dropout=0.2),
)
ALL_CHOICES = list(itertools.product(range(4), range(3)))
BATCH = 6


class FixedPath(algorithms.SupernetAlgorithm):
    """The gradient algorithm, with weight steps on a path that the test chooses."""

    def __init__(self):
        self.path = tf.Variable([0, 0], dtype=tf.int32)
        self._inner = algorithms.algorithm("proxyless_gradient")
        self.architecture_gradient = self._inner.architecture_gradient
        self.finish = self._inner.finish

    def weight_route(self, net, seed):
        del net, seed
        return routes.Path(tf.identity(self.path))


def sgd(**kwargs):
    return keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01, **kwargs)


class Bench:
    """A compiled supernet with traced steps; `reset` restores its first state."""

    def __init__(self):
        self.net = supernet.Supernet(SPACE, seed=1)
        self.algorithm = FixedPath()
        self.net.compile(sgd(), self.algorithm, keras.optimizers.Adam(0.1, 0.0, 0.999))
        rng = np.random.default_rng(0)
        for op in self.ops:
            for group in op.weighted_groups:
                group.affine.assign_add(rng.normal(0, 0.1, group.affine.shape))
                group.moments.assign(rng.uniform(0.5, 1.5, group.moments.shape))
        self.net.alpha.assign(np.where(self.net.mask, rng.normal(0, 1, self.net.mask.shape), 0))
        self._first = [np.array(v) for v in self.variables]
        images = tf.TensorSpec([None, 8, 8, 3])
        batch = (images, tf.TensorSpec([None], tf.int64))
        self.step = tf.function(
            self.net.train_step, input_signature=[(batch, batch)], autograph=False
        )
        self.forward = tf.function(
            lambda x, c: self.net(x, c, training=False),
            input_signature=[images, tf.TensorSpec([2], tf.int32)],
            autograph=False,
        )

    @property
    def ops(self):
        return [self.net.stem, *self.net.mixed_ops, self.net.head]

    @property
    def variables(self):
        net = self.net
        return [*net.variables, *net.optimizer.variables, *net.arch_optimizer.variables]

    def reset(self):
        for variable, value in zip(self.variables, self._first, strict=True):
            variable.assign(value)
        self.algorithm.path.assign([0, 0])

    def exports(self):
        """Copies of the weights and moments of every candidate, by (layer, candidate)."""
        return {
            (i, c): op.export(c) for i, op in enumerate(self.ops) for c in range(op.num_candidates)
        }

    def banks(self):
        """Copies of every trainable bank and its momentum, by the path of the bank."""
        pairs = zip(self.net.trainable_variables, self.net.optimizer.momentums, strict=True)
        return {v.path: (np.array(v), np.array(m)) for v, m in pairs}


@pytest.fixture(scope="module")
def shared_bench():
    return Bench()


@pytest.fixture
def bench(shared_bench):
    shared_bench.reset()
    return shared_bench


def batch(i, count=BATCH):
    rng = np.random.default_rng(100 + i)
    images = rng.uniform(-1, 1, (count, 8, 8, 3)).astype(np.float32)
    return tf.constant(images), tf.constant(rng.integers(0, 3, count))


NOTHING = batch(0, 0)


def test_weights_are_as_many_as_the_specs_say(bench):
    assert bench.net.num_weights == counting.supernet_params(SPACE)
    tiny = spaces.SPACES["tiny"]
    assert supernet.Supernet(tiny).num_weights == counting.supernet_params(tiny)


@pytest.mark.parametrize("choices", ALL_CHOICES)
def test_the_inherited_child_computes_what_the_path_computes(bench, choices):
    images, _ = batch(1)
    child = bench.net.inherit(choices)
    expected = child(images, training=False)
    np.testing.assert_allclose(
        bench.forward(images, tf.constant(choices)), expected, rtol=1e-4, atol=1e-5
    )


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_weight_step_touches_the_sampled_path_and_nothing_else(bench):
    # Two steps, so that the second must not change the momentum from the first.
    for path in ([3, 0], [1, 2]):
        before, banks = bench.exports(), bench.banks()
        bench.algorithm.path.assign(path)
        bench.step((batch(2), NOTHING))
        after, banks_after = bench.exports(), bench.banks()
        # Layers are numbered: stem, slot, identity, block, slot, head.
        chosen = {(0, 0), (1, path[0]), (3, 0), (4, path[1]), (5, 0)}
        for place, weights in before.items():
            if place in chosen:
                pairs = list(zip(weights, after[place], strict=True))
                # Kernel, scale, offset, mean, variance of every stage. An offset may be unchanged,
                # since the next batch normalization can remove its effect.
                del pairs[2::5]
                assert not any(np.array_equal(*pair) for pair in pairs), place
            else:
                assert same(weights, after[place]), place
        for name, (value, momentum) in banks.items():
            new_value, new_momentum = banks_after[name]
            if name.endswith(("kernels", "affine")):
                moved = (new_value != value).any(axis=1)
                np.testing.assert_array_equal((new_momentum != momentum).any(axis=1), moved, name)
            else:
                assert (new_value != value).any() and (new_momentum != momentum).any(), name


def test_padding_of_the_banks_stays_zero(bench):
    bench.algorithm.path.assign([1, 1])
    bench.step((batch(2), NOTHING))
    group = bench.net.mixed_ops[0].weighted_groups[0]
    used = sum(k.size for stage in group.chains[0].stages for k in stage.kernels)
    assert used < group.kernels.shape[1]
    assert not np.array(group.kernels)[0, used:].any()


def test_an_architecture_step_changes_alpha_alone(bench):
    net = bench.net
    before = [np.array(v) for v in (*net.variables, *net.optimizer.variables)]
    alpha = np.array(net.alpha)
    tf.function(net.architecture_step, autograph=False)(*batch(3), tf.constant([5, 1], tf.int64))
    after = [np.array(v) for v in (*net.variables, *net.optimizer.variables)]
    changed = [
        v.path
        for v, x, y in zip([*net.variables, *net.optimizer.variables], before, after, strict=True)
        if not np.array_equal(x, y)
    ]
    assert changed == [net.alpha.path]
    assert not np.array(net.alpha)[~net.mask].any()
    moved = (np.array(net.alpha) != alpha).sum(axis=1)
    np.testing.assert_array_equal(moved, [2, 2])
    # Other candidates keep their probability.
    mask = tf.constant(net.mask)
    p, q = (sampling.path_probabilities(tf.constant(a), mask).numpy() for a in (alpha, net.alpha))
    unmoved = np.array(net.alpha) == alpha
    np.testing.assert_allclose(q[unmoved], p[unmoved], atol=1e-6)


def test_a_pair_without_validation_images_leaves_alpha_alone(bench):
    state = [bench.net.alpha, *bench.net.arch_optimizer.variables]
    before = [np.array(v) for v in state]
    bench.step((batch(4), NOTHING))
    assert same(before, [np.array(v) for v in state])
    logs = bench.step((batch(4), batch(5)))
    assert not np.array_equal(before[0], np.array(bench.net.alpha))
    assert set(logs) == {
        *("loss", "accuracy", "validation_loss", "validation_accuracy"),
        *("expected_latency_ms", "most_probable_latency_ms", "entropy"),
    }
    assert all(np.isfinite(v) for v in logs.values())


def test_a_step_asks_the_host_for_nothing(bench):
    """The graph and its functions have no Python operation, and none that leaves the device."""
    graph = bench.step.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    types = {node.op for node in nodes}
    assert "FusedBatchNormV3" in types
    leaving = ("Py", "EagerPy", "Print", "_Send", "_HostSend", "Infeed", "Outfeed", "Save")
    assert not [name for name in types if name.startswith(leaving)]


def test_no_branch_of_the_graph_computes(bench):
    """The gradient of a branch would keep every tensor that the branch computes."""
    step = tf.function(lambda x, y, c: bench.net.weight_step(x, y, routes.Path(c)), autograph=False)
    choices = tf.TensorSpec([2], tf.int32)
    graph = step.get_concrete_function(*batch(1), choices).graph.as_graph_def()
    assert "Conv2D" in {node.op for node in graph.node}
    inside = {node.op for function in graph.library.function for node in function.node_def}
    assert inside <= {"Const", "Identity", "NoOp", "Placeholder"}


def test_one_path_is_trained_as_keras_trains_the_child(bench):
    path = (3, 1)
    child = bench.net.inherit(path)
    # The supernet has no dropout, so its child has none here.
    child.get_layer("dropout").rate = 0.0
    optimizer = sgd()
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    child.compile(optimizer, loss)
    bench.algorithm.path.assign(path)
    start = child.get_weights()
    for i in range(4):
        images, labels = batch(10 + i)
        bench.step(((images, labels), NOTHING))
        child.train_on_batch(images, tf.one_hot(labels, 3))
    trained = bench.net.inherit(path)
    for ours, stock in zip(trained.trainable_variables, child.trainable_variables, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=2e-3, atol=2e-4, err_msg=stock.path)
    assert not same(start, child.get_weights())


def test_xla_is_refused_with_the_reason():
    with pytest.raises(ValueError, match="jit_compile: .*again for every path"):
        supernet.Supernet(SPACE).compile(
            sgd(), proxyless_gradient.TwoPathGradient(), jit_compile=True
        )


def test_probabilities_are_nan_in_the_padding_alone(bench):
    p = bench.net.probabilities
    np.testing.assert_array_equal(np.isnan(p), ~bench.net.mask)
    np.testing.assert_allclose(np.nansum(p, axis=1), 1, rtol=1e-6)


def test_fresh_candidates_of_a_slot_begin_alike_and_seeds_differ():
    first, again, other = (supernet.Supernet(SPACE, seed) for seed in (0, 0, 1))
    kernel, larger = (first.mixed_ops[0].export(c)[5] for c in (0, 3))
    # The 3x3 depthwise kernel is the centre of the 5x5 kernel, scaled to its own fan-in.
    np.testing.assert_allclose(kernel / 5 * 3, larger[1:4, 1:4, :8], rtol=1e-5)
    assert same(first.get_weights(), again.get_weights())
    assert not np.array_equal(first.alpha, other.alpha)
    assert not np.array_equal(first.stem.export(0)[0], other.stem.export(0)[0])
    assert not np.array(first.alpha)[~first.mask].any()


def fitted(seed):
    space = SearchSpace(
        "short", 8, 3, Stem(4), (Slot(4, 4, (MBConv(3, 1), MBConv(5, 1))),), Head(4)
    )
    net = supernet.Supernet(space, seed)
    net.compile(keras.optimizers.SGD(0.1), proxyless_gradient.TwoPathGradient())
    pairs = tf.data.Dataset.range(4).map(
        lambda i: (
            (tf.random.stateless_uniform([4, 8, 8, 3], [i, 0]), tf.range(4, dtype=tf.int64) % 3),
            (tf.random.stateless_uniform([4, 8, 8, 3], [i, 1]), tf.range(4, dtype=tf.int64) % 3),
        )
    )
    history = net.fit(pairs, epochs=1, verbose=0, shuffle=False)
    assert int(net.step) == 4
    learned = [net.classifier.kernel, net.classifier.bias, net.alpha]
    return [*map(np.array, learned), *net.get_weights(), np.array([history.history["loss"]])]


def test_the_same_seed_makes_the_same_run_and_another_another():
    first = fitted(0)
    assert same(first, fitted(0))
    assert not any(np.array_equal(*pair) for pair in zip(first[:3], fitted(1)[:3], strict=True))

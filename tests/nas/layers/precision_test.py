"""Tests mixed precision: the types of tensors, and how close results are to float32."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.architecture import spaces
from nas.layers import precision, stage_functions
from nas.searching.algorithms import proxyless_gradient
from nas.supernet import gates, routes, supernet, train_steps

TINY = spaces.SPACES["tiny"]
# Its first slot and its last one, which may be skipped; fewer layers are traced.
SPACE = dataclasses.replace(
    TINY,
    layers=tuple(
        dataclasses.replace(slot, input_width=8, output_width=8, stride=1)
        for slot in (TINY.slots[0], TINY.slots[-1])
    ),
)
PATH = [1, 2]
MIXED = {"mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
# Distance between 1 and the next number.
EPSILONS = {"mixed_bfloat16": 2.0**-7, "mixed_float16": 2.0**-10}


class Net:
    """A supernet in one precision, with a traced weight step and a traced two-path step."""

    def __init__(self, name):
        self.net = supernet.Supernet(SPACE, 3, name)
        self.net.compile(
            keras.optimizers.SGD(0.1, momentum=0.9),
            proxyless_gradient.TwoPathGradient(),
            keras.optimizers.SGD(1.0),
        )
        rng = np.random.default_rng(4)
        images = rng.uniform(-1, 1, (16, SPACE.resolution, SPACE.resolution, 3))
        self.images = tf.constant(images, tf.float32)
        self.labels = tf.constant(rng.integers(SPACE.num_classes, size=16))
        self.seed = tf.constant([5, 7], tf.int64)
        self._first = self.state()
        self._weight_gradient = tf.function(self._find_weight_gradient, autograph=False)
        self.weight_step = tf.function(
            lambda: self.net.weight_step(self.images, self.labels, routes.Path(PATH)),
            autograph=False,
        )
        self.architecture_step = tf.function(
            lambda: self.net.architecture_step(self.images, self.labels, self.seed), autograph=False
        )

    def _find_weight_gradient(self):
        route = routes.Path(PATH)
        found = train_steps.weight_gradient(self.net, self.images, self.labels, route, 0.1)
        active = [tf.cast(s.is_active, tf.float32) for s in found.selections]
        return (
            found.loss,
            [update.gradient for update in found.updates],
            [row * is_active for row, is_active in zip(found.moments, active, strict=True)],
        )

    def weight_gradient(self):
        """The loss, the gradients of all weights in one vector, and the moments of the batch."""
        loss, gradients, moments = self._weight_gradient()
        assert {g.dtype for g in (*gradients, *moments, loss)} == {tf.float32}
        return float(loss), flat(gradients), flat(moments)

    def _state(self):
        net = self.net
        variables = [v for v in net.variables if "total" not in v.path and "count" not in v.path]
        return [*variables, *net.optimizer.variables, *net.arch_optimizer.variables]

    def state(self):
        """Everything that a step may change, the loss scale and metrics apart."""
        return [np.array(v) for v in self._state()]

    def restore(self):
        """Puts all of that back as it was at first."""
        for variable, value in zip(self._state(), self._first, strict=True):
            variable.assign(value)


def flat(tensors):
    return np.concatenate([np.ravel(t) for t in tensors])


@functools.cache
def traced(name):
    """The net of a precision, with weights and alpha as tests before left them."""
    return Net(name)


@pytest.fixture(scope="module")
def exact():
    return traced("float32")


@pytest.fixture(scope="module", params=MIXED)
def mixed(request):
    net = traced(request.param)
    net.name = request.param
    net.restore()
    return net


def test_activations_are_in_16_bits_and_what_is_kept_in_32(mixed):
    net = mixed.net
    route = routes.Path(PATH)
    features, moments = net.features(mixed.images, route, net.read(route), training=True)
    assert features.dtype == MIXED[mixed.name]
    assert {m.dtype for m in moments} == {tf.float32}
    assert {keras.backend.standardize_dtype(v.dtype) for v in net.trainable_variables} == {
        "float32"
    }
    assert net.alpha.dtype == "float32"
    assert net.logits(mixed.images, route, training=True).dtype == tf.float32
    assert net(mixed.images, tf.constant(PATH)).dtype == tf.float32


def test_gradients_of_weights_agree_with_float32_within_the_types_precision(mixed, exact):
    epsilon = EPSILONS[mixed.name]
    loss, gradients, moments = mixed.weight_gradient()
    exact_loss, exact_gradients, exact_moments = exact.weight_gradient()
    assert loss == pytest.approx(exact_loss, rel=epsilon)
    np.testing.assert_allclose(moments, exact_moments, rtol=8 * epsilon, atol=8 * epsilon)
    norms = np.linalg.norm(gradients), np.linalg.norm(exact_gradients)
    cosine = np.vdot(gradients, exact_gradients) / (norms[0] * norms[1])
    assert np.sqrt(1 - cosine**2) < 4 * epsilon
    assert norms[0] == pytest.approx(norms[1], rel=epsilon)


PAIRS = [[1, 0], [0, 1]]


def two_paths(gate_values):
    return routes.TwoPaths(tf.constant(PAIRS), gate_values)


def all_gates(gate_values):
    return routes.AllGates(tf.constant(PATH), gate_values)


def all_gates_of_the_pairs_path(gate_values):
    return routes.AllGates(tf.constant(PAIRS)[:, 0], gate_values)


ROUTES = [
    (two_paths, [[1.0, 0.0]] * 2),
    (all_gates, np.eye(3)[PATH]),
    (routes.Mixture, [[0.7, 0.3, 0.0], [0.5, 0.3, 0.2]]),
]


def gate_gradients(net, images, labels, make_route, values):
    """dL/dg, computed as every algorithm computes it."""

    def compute():
        gate_values = tf.constant(values, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(gate_values)
            loss = net.cross_entropy(labels, net.logits(images, make_route(gate_values), True))
        return net.loss_scale.gradient(tape, loss, gate_values)

    return tf.function(compute, autograph=False)()


@pytest.fixture(scope="module", params=ROUTES, ids=["two paths", "all gates", "mixture"])
def exact_gates(request, exact):
    """The arguments of a route, its float32 gate gradients, and |dL/dm| |o_j(x)| of every gate."""
    batch, (make_route, values) = (exact.images, exact.labels), request.param
    arguments = *batch, make_route, values
    gradients = gate_gradients(exact.net, *arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gates, "inner_product", lambda x, y: tf.norm(x) * tf.norm(y))
        if make_route is not two_paths:
            return arguments, gradients, np.array(gate_gradients(exact.net, *arguments))
        # The gate of the active candidate gets its gradient without an inner product.
        path = np.eye(3)[[active for active, _ in PAIRS]]
        lengths = gate_gradients(exact.net, *batch, all_gates_of_the_pairs_path, path)
        return arguments, gradients, np.take_along_axis(np.array(lengths), np.array(PAIRS), 1)


def test_gradients_of_gates_agree_with_float32_within_the_types_precision(mixed, exact_gates):
    """Errors are relative to |dL/dm| |o_j(x)|, since batch normalization makes gradients small.

    Both types have the same limit, because TensorFlow sums float16 convolutions in float16 on CPUs.
    """
    arguments, expected, lengths = exact_gates
    found = gate_gradients(mixed.net, *arguments)
    assert found.dtype == tf.float32
    computed = lengths > 0
    assert computed.sum() >= 4
    assert (np.abs(found - expected)[computed] / lengths[computed]).max() < 0.002


def test_training_in_16_bits_learns_what_float32_learns(mixed):
    first = mixed.weight_gradient()[0]
    for _ in range(3):
        mixed.weight_step()
    assert mixed.weight_gradient()[0] < first - 0.1
    alpha = np.array(mixed.net.alpha)
    found = mixed.net.algorithm.architecture_gradient(
        mixed.net, mixed.images, mixed.labels, mixed.seed
    )
    assert found.gradient.dtype == tf.float32
    mixed.architecture_step()
    assert ((np.array(mixed.net.alpha) != alpha).sum(axis=1) == 2).all()
    assert all(np.isfinite(v).all() for v in mixed.state())


def test_a_step_that_overflows_changes_nothing_but_the_scale():
    net = traced("mixed_float16")
    net.restore()
    net.weight_step()
    net.architecture_step()
    scale = net.net.loss_scale.variables["loss_scale"]
    for step in (net.weight_step, net.architecture_step):
        scale.assign(2.0**100)
        before = net.state()
        step()
        for ours, theirs in zip(net.state(), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert float(scale) == 2.0**99
        scale.assign(2.0**10)
        step()
        assert any(not np.array_equal(*pair) for pair in zip(net.state(), before, strict=True))
        assert float(scale) == 2.0**10


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="float32, mixed_bfloat16, mixed_float16; .*'float8'"):
        precision.check("float8")


@pytest.mark.parametrize("name", MIXED)
def test_a_machine_without_kernels_is_found_out_before_work(name, monkeypatch):
    precision.check(name)

    def refuse(x, *args):
        raise tf.errors.UnimplementedError(None, None, f"no kernel for {x.dtype.name}\nsecond line")

    monkeypatch.setattr(stage_functions, "run_stage", refuse)
    precision.check("float32")
    with pytest.raises(ValueError, match=rf"{name} on this machine \(no kernel for \w+\); use"):
        precision.check(name)

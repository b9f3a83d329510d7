"""Widths and resolutions in a supernet: only what was sampled is computed, and only it changes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from nas.searching import algorithms
from nas.searching.algorithms import gate_gradient
from nas.supernet import routes, supernet
from nas.training import recalibration
from tests.support.deciding_space import DECIDING

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1.0, 1.0, (6, 16, 16, 3)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 0, 1])


def some_choices(seed):
    generator = np.random.default_rng(seed)
    return tuple(int(generator.integers(count)) for count in DECIDING.option_counts)


@pytest.fixture(scope="module")
def net():
    """A supernet in which no normalization is the identity."""
    made = supernet.Supernet(DECIDING)
    for op in made._ops:
        for group in op.weighted_groups:
            for variable in group.trainable_variables:
                if "affine" in variable.path:
                    noise = RNG.normal(0.0, 0.3, variable.shape).astype(np.float32)
                    variable.assign(np.array(variable) + noise)
    made.classifier.kernel.assign(np.array(made.classifier.kernel) * 30.0)
    return made


def resized(images, resolution):
    if resolution == images.shape[1]:
        return images
    return tf.image.resize(images, [resolution, resolution], antialias=True).numpy()


@pytest.mark.parametrize("seed", range(5))
def test_a_path_is_the_child_with_its_weights(net, seed):
    choices = some_choices(seed)
    child = DECIDING.child(choices)
    model = net.inherit(choices)
    images = resized(IMAGES, child.resolution)
    found = net(IMAGES, tf.constant(choices), training=False)
    np.testing.assert_allclose(found, model(images), rtol=1e-4, atol=1e-5)
    # With moments of the batch, which a Keras model has after one batch of recalibration.
    recalibration.recalibrate(model, [images])
    found = net(IMAGES, tf.constant(choices), training=True)
    np.testing.assert_allclose(found, model(images), rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_what_was_cut_off_stays_to_the_bit(optimizer):
    """Weights, momentum and moments: all variables change only where the child has values."""
    net = supernet.Supernet(DECIDING)
    made = {
        "sgd": lambda: keras.optimizers.SGD(0.1, 0.9, nesterov=True, weight_decay=0.01),
        "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.01),
    }[optimizer]()
    net.compile(made, algorithms.algorithm("proxyless_reinforce"))
    step = tf.function(
        lambda path: net.weight_step(IMAGES, LABELS, routes.Path(path)), autograph=False
    )
    # Momentum everywhere, so that a later step could change what it does not use.
    for seed in range(8):
        step(tf.constant(some_choices(seed)))
    state = [*net.variables, *made.variables, *net.path_optimizer.variables.values()]
    before = [np.array(variable) for variable in state]
    choices = tuple(
        min(range(len(numbers)), key=numbers.__getitem__) for numbers in DECIDING.widths.values()
    )
    step(tf.constant((0, 0, 1, 1, *choices, 1)))
    changed = {
        getattr(variable, "path", variable.name): np.array(variable) != old
        for variable, old in zip(state, before, strict=True)
    }

    def of(name):
        """Where the variable of the supernet and the optimizer's variables for it changed."""
        flat = name.replace("/", "_")
        return [own for path, own in changed.items() if path.endswith(name) or flat in path]

    # 8 of 16 channels before, 16 of 24 after: the projection of the first candidate of slot 0.
    assert len(of("layer01_group0/kernels")) == {"sgd": 2, "adamw": 3}[optimizer]
    for own in of("layer01_group0/kernels"):
        # At their largest: expansion 16 -> 32, depthwise 3x3 and projection 32 -> 24. The second
        # candidate follows.
        parts = np.split(own.ravel(), np.cumsum([16 * 32, 9 * 32, 32 * 24]))
        for part, whole, cut in (
            (parts[0], (16, 32), (8, 16)),
            (parts[1], (9, 32), (9, 16)),
            (parts[2], (32, 24), (16, 16)),
        ):
            kernel = part.reshape(whole)
            assert kernel[: cut[0], : cut[1]].mean() > 0.9
            assert not kernel[cut[0] :].any() and not kernel[:, cut[1] :].any()
        assert parts[3].size and not parts[3].any()
    (own,) = of("layer01_group0/moments")
    # Two normalizations of 32 channels and one of 24, each with a mean and a variance.
    moments = own.ravel()[4 * 32 : 4 * 32 + 2 * 24].reshape(2, 24)
    assert moments[:, :16].all() and not moments[:, 16:].any()
    assert not own.ravel()[4 * 32 + 2 * 24 :].any()
    for own in of("classifier_kernel"):
        kernel = own
        assert kernel[:32].mean() > 0.9 and not kernel[32:].any()
    if optimizer == "adamw":
        # What was updated is what was counted.
        for variable, momentum, count in zip(
            net.trainable_variables,
            made._momentums,
            net.path_optimizer.variables.values(),
            strict=True,
        ):
            counted = np.array(count)[:, 0] > 0
            assert "bias" in variable.path or not np.array(momentum)[~counted].any()


def test_a_group_that_does_not_run_reads_next_to_nothing(net):
    """Of a kernel no more than one pixel with 8 channels, of which all widths are multiples."""
    path = routes.Path((0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    for layer, op in zip(net.read(path), net._ops, strict=True):
        idle = [selection for selection in layer if not bool(selection.is_active)]
        assert len(idle) == len(op.weighted_groups) - 1
        for selection in idle:
            kernels = sum(len(form.weights) for form in selection.group._forms)
            assert tf.size(selection.weights.kernels) <= 64 * kernels
            places = [selection.group._place(selection, bank) for bank in range(3)]
            assert all(tf.size(place.written) == 0 for place in places)


def gate_values(options, count):
    return np.eye(count, dtype=np.float32)[options]


@pytest.mark.parametrize("seed", range(2))
def test_gates_leave_the_output_and_have_the_gradient_of_the_masked_network(net, seed):
    generator = np.random.default_rng(seed)
    pair = np.array([generator.choice(n, 2, replace=False) for n in DECIDING.option_counts])
    pair = pair.astype(np.int32)
    most = max(DECIDING.option_counts)
    active = net.logits(IMAGES, routes.Path(pair[:, 0]), True)
    for gates, route_of in (
        (gate_values(np.zeros(len(pair), int), 2), lambda g: routes.TwoPaths(pair, g)),
        (gate_values(pair[:, 0], most), lambda g: routes.AllGates(pair[:, 0], g)),
    ):
        loss = tf.function(
            lambda values, route_of=route_of: net.cross_entropy(
                LABELS, net.logits(IMAGES, route_of(values), True)
            ),
            autograph=False,
        )
        np.testing.assert_allclose(
            net.logits(IMAGES, route_of(tf.constant(gates)), True), active, atol=1e-5
        )
        found = gate_gradient.evaluate_gates(net, IMAGES, LABELS, tf.constant(gates), route_of)
        for row in DECIDING.width_rows.values():
            for column in range(min(gates.shape[1], DECIDING.option_counts[row])):
                step = np.zeros_like(gates)
                step[row, column] = 1e-3
                losses = [float(loss(tf.constant(gates + s))) for s in (step, -step)]
                slope = (losses[0] - losses[1]) / 2e-3
                assert float(found.by_gate[row, column]) == pytest.approx(slope, abs=0.02, rel=0.15)


def test_gates_of_two_options_are_those_of_all(net):
    generator = np.random.default_rng(7)
    pair = np.array([generator.choice(n, 2, replace=False) for n in DECIDING.option_counts])
    pair = pair.astype(np.int32)
    of_two = gate_gradient.evaluate_gates(
        net,
        IMAGES,
        LABELS,
        tf.constant(gate_values(np.zeros(len(pair), int), 2)),
        lambda g: routes.TwoPaths(pair, g),
    ).by_gate.numpy()
    of_all = gate_gradient.evaluate_gates(
        net,
        IMAGES,
        LABELS,
        tf.constant(gate_values(pair[:, 0], max(DECIDING.option_counts))),
        lambda g: routes.AllGates(pair[:, 0], g),
    ).by_gate.numpy()
    rows = range(DECIDING.resolution_row)
    for row in rows:
        # Gates of candidates that add their input are known up to a constant of the slot.
        two, both = of_two[row], of_all[row][pair[row]]
        assert two[0] - two[1] == pytest.approx(both[0] - both[1], abs=1e-4, rel=1e-3)


def test_the_gates_of_the_resolution_are_the_losses_there(net):
    choices = tf.constant(some_choices(3))
    gates = tf.zeros([len(DECIDING.option_counts), 2])
    found = gate_gradient.GateEvaluation(gates, tf.constant(0.0), tf.constant(0.0))
    found = gate_gradient.with_resolutions(net, IMAGES, LABELS, found, choices, tf.constant([1, 0]))
    row = DECIDING.resolution_row
    for column, option in enumerate((1, 0)):
        path = routes.Path(tf.concat([choices[:row], [option]], axis=0))
        expected = net.cross_entropy(LABELS, net.logits(IMAGES, path, True))
        assert float(found.by_gate[row, column]) == pytest.approx(float(expected), rel=1e-6)
    assert found.by_gate[row, 0] != found.by_gate[row, 1]

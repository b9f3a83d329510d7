import itertools

import numpy as np
import pytest
import tensorflow as tf

from nas import objectives
from nas.choices import sampling
from nas.choices.candidate_costs import Latencies
from nas.objectives import CrossEntropy
from nas.objectives.penalties import AddLinear, MulLog
from nas.objectives.target_latency import TargetLatency
from nas.supernet import gates

RAGGED = Latencies([np.array([1.0, 4.0, 2.0]), np.array([3.0, 0.5])], 10.0)
MASK = np.array([[True, True, True], [True, True, False]])


def weights(objective, cross_entropy, expected_ms):
    found = objective.gradient_weights(tf.constant(cross_entropy), tf.constant(expected_ms))
    return [float(w) for w in found]


def test_cross_entropy_gives_latency_no_weight():
    assert weights(CrossEntropy(), 2.0, 5.0) == [1.0, 0.0]


def test_add_linear_by_hand():
    np.testing.assert_allclose(weights(AddLinear(50.0, 0.1), 2.0, 80.0), [1.0, 0.002])


def loss(objective_loss, cross_entropy, expected_ms):
    values = tf.constant(cross_entropy), tf.constant(expected_ms)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = objective_loss(*values)
    return [float(g) for g in tape.gradient(total, values)]


def test_the_penalties_weights_are_the_derivatives_of_their_losses():
    def add_linear(cross_entropy, expected):
        return cross_entropy + 0.1 * (expected - 50.0) / 50.0

    def mul_log(cross_entropy, expected):
        return 0.2 * cross_entropy * (tf.math.log(expected) / np.log(50.0)) ** 0.3

    received = weights(AddLinear(50.0), 2.0, 80.0)
    np.testing.assert_allclose(received, loss(add_linear, 2.0, 80.0), rtol=1e-5)
    received = weights(MulLog(RAGGED, 50.0), 2.0, 80.0)
    np.testing.assert_allclose(received, loss(mul_log, 2.0, 80.0), rtol=1e-5)


def test_mul_log_at_its_reference_by_hand():
    # The factor is a. The derivative by latency is
    # CE a b / (E log E) = 2 * 0.2 * 0.3 / (20 * 2.9957) = 0.0020028.
    np.testing.assert_allclose(
        weights(MulLog(RAGGED, 20.0), 2.0, 20.0), [0.2, 0.0020028], rtol=1e-4
    )


def test_mul_log_refuses_latencies_whose_logarithms_change_sign():
    with pytest.raises(
        ValueError, match="every child above 1 ms.*received 0.8 for the fastest; use target"
    ):
        MulLog(Latencies([np.array([0.5, 9.0])], 0.3), 2.0)


def test_unknown_objectives_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="one of target, add_linear, mul_log; received 'hope'"):
        objectives.check_name("hope")


@pytest.mark.parametrize("name", objectives.OBJECTIVES)
def test_every_objective_weighs_both_gradients_and_keeps_alphas_shape_and_padding(name):
    objective = objectives.OBJECTIVES[name](RAGGED, 14.0, 10, 0.05)
    assert np.isfinite(weights(objective, 2.0, 15.0)).all()
    alpha = tf.constant([[0.1, 0.3, 0.2], [-2.0, -1.0, 0.0]])
    moved = objective.move(alpha)
    assert moved.shape == alpha.shape and np.isfinite(moved).all()
    assert moved[1, 2] == 0.0
    for variable_name, variable in objective.variables.items():
        assert isinstance(variable_name, str) and isinstance(variable, tf.Variable)


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_the_force_is_the_gradient_of_the_log_chance_of_a_hit(temperature):
    objective = TargetLatency(RAGGED, 14.0, 10)
    alpha, width = tf.constant([[0.1, 0.3, 0.2], [-0.5, -0.1, 0.0]]), 0.1
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        p = sampling.path_probabilities(alpha / temperature, MASK)
        chance = 0.0
        for path in itertools.product(range(3), range(2)):
            excess = RAGGED.of(path) / 14.0 - 1.0
            chance += p[0, path[0]] * p[1, path[1]] / (1.0 + (excess / width) ** 4)
        log_chance = tf.math.log(chance)
    expected = -temperature * tape.gradient(log_chance, alpha).numpy()
    force, found = objective.force(alpha, tf.constant(temperature), tf.constant(width))
    # The bins of the grid are a thousandth of the range.
    np.testing.assert_allclose(found, chance, rtol=0.02)
    np.testing.assert_allclose(force, expected, atol=0.004)
    assert np.abs(force).max() > 0.04


def test_the_force_does_not_vanish_where_alpha_is_decided_wrongly():
    latencies = Latencies([np.array([1.0, 2.0, 3.0])], 0.0)
    objective = TargetLatency(latencies, 3.0, 10)
    force, _ = objective.force(tf.constant([[10.0, 0.0, 0.0]]), tf.constant(1.0), tf.constant(0.01))
    np.testing.assert_allclose(force[0, 0], 1.0, atol=0.2)


@pytest.mark.parametrize(("step", "adapting"), [(0, {"sampled"}), (60, {"sampled", "child"})])
def test_multipliers_grow_while_the_target_is_missed_and_fall_on_it(step, adapting):
    latencies = Latencies([np.array([1.0, 2.0, 3.0])], 0.0)
    for alpha, grows in (([[9.0, 0.0, 0.0]], True), ([[0.0, 0.0, 9.0]], False)):
        objective = TargetLatency(latencies, 3.0, 100, first_multiplier=0.01)
        before = objective.variables["target_child_multiplier"].numpy()
        objective.variables["target_steps"].assign(step)
        objective.move(tf.constant(alpha))
        for name in ("sampled", "child"):
            after = objective.variables[f"target_{name}_multiplier"].numpy()
            assert (after > before) == (grows and name in adapting)
            assert (after < before) == (not grows and name in adapting)


@pytest.mark.parametrize(("step", "hits"), [(70, False), (99, True)])
def test_a_late_step_ends_with_an_argmax_that_hits(step, hits):
    latencies = Latencies([np.array([1.0, 2.0, 3.0])] * 2, 0.0)
    objective = TargetLatency(latencies, 4.0, 100, first_multiplier=0.01)
    objective.variables["target_steps"].assign(step)
    # The argmax takes 5 ms, but nearly 4 ms, as after a large last step for accuracy.
    alpha = objective.move(tf.constant([[0.0, 0.05, 0.1], [0.0, 0.2, 0.0]]))
    found = float(latencies.most_probable(alpha, np.ones((2, 3), bool)))
    assert (found == 4.0) == hits


def all_steps(step, count):
    """Returns a traced function of `seed` that makes `step(seed, i)` for `count` numbers."""

    def body(seed, i):
        step(seed, i)
        return seed, i + 1

    def run(seed):
        tf.while_loop(lambda seed, i: i < count, body, [seed, 0], parallel_iterations=1)

    return tf.function(run, autograph=False)


class ToySearch:
    """Noisy gradients of a preference for slow candidates, a pair a slot, and the objective."""

    def __init__(self, latencies, target, steps):
        self.latencies = latencies
        counts = np.array([len(slot) for slot in latencies.slots])
        self.mask = np.arange(counts.max()) < counts[:, None]
        self._objective = TargetLatency(latencies, target, steps, first_multiplier=0.02)
        self._first = {name: v.numpy() for name, v in self._objective.variables.items()}
        self._generator = tf.random.Generator.from_seed(0)
        self._alpha, self._preference = (tf.Variable(tf.zeros(self.mask.shape)) for _ in range(2))
        self._steps = all_steps(self._one_step, steps)

    def _one_step(self, seed, i):
        alpha, mask = self._alpha, self.mask
        pair = sampling.sample_two_paths(alpha, mask, tf.stack([seed, i])).choices
        gradient = -self._preference + 0.05 * self._generator.normal(mask.shape)
        values = 0.02 * tf.sign(tf.gather(gradient, pair, batch_dims=1))
        moved = alpha - gates.scatter_pair(values, pair, mask.shape[1])
        alpha.assign(self._objective.move(gates.rescale_pair(alpha, moved, pair)))

    def run(self, start, seed):
        """Milliseconds of the most probable child after all steps from `start`."""
        self._generator.reset_from_seed(seed)
        for name, variable in self._objective.variables.items():
            variable.assign(self._first[name])
        preference = self._generator.uniform(self.mask.shape) * self.latencies.matrix
        most = tf.reduce_max(preference, axis=1, keepdims=True)
        self._preference.assign(0.03 * preference / most)
        self._alpha.assign(np.where(self.mask, start, 0.0))
        self._steps(tf.constant(seed))
        return float(self.latencies.most_probable(self._alpha, self.mask))


def space_of_twelve_slots(seed):
    """Slots with candidates that differ up to threefold, like MBConvs; some have a skip."""
    generator = np.random.default_rng(seed)
    sizes = np.array([1.0, 1.2, 1.5, 1.9, 2.3, 2.8])
    slots = [
        scale * sizes * generator.uniform(0.9, 1.1, 6) for scale in generator.uniform(1, 5, 12)
    ]
    return Latencies([np.append(s, 0.0) if i % 3 else s for i, s in enumerate(slots)], 6.0)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_the_plain_argmax_lands_within_3_percent_of_any_target(fraction):
    latencies = space_of_twelve_slots(seed=3)
    target = latencies.at(fraction)
    toy = ToySearch(latencies, target, steps=300)
    # Undecided, but leaning to the slow end or to the fast one.
    for leaning in (0.5, -0.5):
        start = leaning * latencies.matrix / latencies.matrix.max()
        found = toy.run(start, seed=int(10 * fraction))
        assert abs(found / target - 1.0) <= 0.03, leaning


@pytest.mark.parametrize(("wrong", "target"), [("max", 0.2), ("min", 0.8)])
def test_decided_for_the_wrong_end_it_still_comes_back(wrong, target):
    latencies = space_of_twelve_slots(seed=4)
    start = np.zeros(latencies.matrix.shape)
    for i, slot in enumerate(latencies.slots):
        start[i, getattr(np, f"arg{wrong}")(slot)] = 4.0
    found = ToySearch(latencies, latencies.at(target), steps=500).run(start, seed=1)
    assert abs(found / latencies.at(target) - 1.0) <= 0.03


def test_among_the_children_on_the_target_accuracy_decides():
    """The signal is a tenth of the noise of the gradients, over the steps of a short search."""
    latencies = space_of_twelve_slots(seed=5)
    target = latencies.at(0.4)
    standings = []
    noisy = SearchByNoisyWorth(latencies, target, steps=800)
    for seed in range(4):
        generator = np.random.default_rng(seed)
        counts = [len(slot) for slot in latencies.slots]
        worth = np.zeros(latencies.matrix.shape)
        for i, count in enumerate(counts):
            worth[i, :count] = generator.normal(size=count)
        alpha = noisy.run(worth, seed)
        child = [int(row[:count].argmax()) for row, count in zip(alpha, counts, strict=True)]
        assert abs(latencies.of(child) / target - 1.0) <= 0.03
        draws = generator.integers(counts, size=(20_000, len(counts)))
        slots = np.arange(len(counts))
        drawn_ms = latencies.constant_ms + latencies.matrix[slots, draws].sum(axis=1)
        assert drawn_ms[0] == pytest.approx(latencies.of(draws[0]))
        hits = worth[slots, draws[abs(drawn_ms / target - 1.0) <= 0.05]].sum(axis=1)
        standings.append((worth[slots, child].sum() - hits.mean()) / hits.std())
    # The unit is one standard deviation of random children of equal latency.
    assert np.mean(standings) > 3.2


class SearchByNoisyWorth:
    """Steps on pairs whose gradient is a tenth of their difference in worth, and noise.

    The gradient of a pair is weighted by the product of its probabilities, as for a softmax.
    """

    def __init__(self, latencies, target, steps):
        counts = np.array([len(slot) for slot in latencies.slots])
        self._mask = np.arange(counts.max()) < counts[:, None]
        self._objective = TargetLatency(latencies, target, steps, first_multiplier=0.02)
        self._first = {name: v.numpy() for name, v in self._objective.variables.items()}
        self._generator = tf.random.Generator.from_seed(0)
        self._alpha, self._worth = (tf.Variable(tf.zeros(self._mask.shape)) for _ in range(2))
        self._steps = all_steps(self._one_step, steps)

    def _one_step(self, seed, i):
        alpha, mask = self._alpha, self._mask
        signs = tf.constant([[1.0, -1.0]])
        pair = sampling.sample_two_paths(alpha, mask, tf.stack([seed, i]))
        of_pair = tf.gather(self._worth, pair.choices, batch_dims=1)
        better = 0.1 * tf.reduce_sum(of_pair * signs, axis=1, keepdims=True)
        noise = self._generator.normal([len(mask), 1])
        product = 4.0 * tf.reduce_prod(pair.probabilities, axis=1, keepdims=True)
        values = 0.02 * product * (better + noise) * signs
        moved = alpha + gates.scatter_pair(values, pair.choices, mask.shape[1])
        alpha.assign(self._objective.move(gates.rescale_pair(alpha, moved, pair.choices)))

    def run(self, worth, seed):
        """Alpha after all steps, from an undecided one."""
        self._generator.reset_from_seed(seed)
        for name, variable in self._objective.variables.items():
            variable.assign(self._first[name])
        self._worth.assign(worth)
        self._alpha.assign(tf.zeros_like(self._alpha))
        self._steps(tf.constant(seed))
        return self._alpha.numpy()

"""Target latency: a force on alpha that leads the child to the target, and its controller.

Draw a network from softmax(alpha / t), and let e be the distance of its latency from the target,
relative to the target. The score k = 1 / (1 + (e / s)^4) is 1 on the target and small a few s away.
Its mean E[k], the probability of a hit, is computed exactly (`nas/choices/cost_distribution.py`),
and so is the force

    -t d log E[k] / d alpha_ij  =  softmax(alpha / t)_ij - P(c_i = j | hit),

which is subtracted from alpha after every architecture step. No component exceeds 1. Unlike a
softmax's own gradient, a component stays near 1 if alpha strongly prefers the wrong candidate,
until k's tail outweighs the probability of the right one (some fifteen logits). Unlike a penalty on
E[latency], the force knows which combinations of choices add up to the target. There are two
such forces:

- The force on sampled paths acts during the whole search, with t = 1 and a wide s, so that training
  happens near the target.
- The force on the child, the most probable path, acts from six tenths of the search on. First t
  falls from 1 to 0.1, so that the sharpened distribution approaches the argmax, while s narrows
  from 30 % to 1 %. Then both stay, and the rest of the search repairs: if a step leaves the argmax
  off the target, the force acts again until it hits. As long as it does not hit, t rises, so that
  more options are reconsidered; once it hits, t falls back.

A sharp P(c | hit) selects the path that hits and has the largest sum of alphas. Therefore this
force starts late: before accuracy has moved alpha, the selection would be arbitrary, and the
samples drawn after it would hardly correct it.

Each force has a multiplier, in logits per step. It grows while the probability of a hit is below
the wanted one, and falls above it. If the target is easily reached, the multiplier becomes small.
It is bounded, so it cannot wind up.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nas import run_length
from nas.choices import sampling
from nas.choices.chain_costs import ChainCosts
from nas.choices.cost_distribution import LatencyDistribution
from nas.objectives.protocol import Objective

# Fractions of the search at which the schedule of the force on the child begins and ends.
_BEGIN, _APPROACH = 0.6, 0.85
_WIDTH_FIRST, _WIDTH_LAST = 0.3, 0.01
_TEMPERATURE_LAST, _TEMPERATURE_MOST = 0.1, 3.0
# The force on sampled paths: its width s, and the wanted probability of a hit.
_SAMPLED_WIDTH, _SAMPLED_CHANCE = 0.2, 0.5
_CHILD_CHANCE = 0.8
# Over a whole search a multiplier can grow by exp(gain * missing probability), and t by exp(30).
_SAMPLED_GAIN, _CHILD_GAIN, _TEMPERATURE_GAIN = 30.0, 75.0, 30.0
_MOST_LOGITS_A_STEP = 0.5
# The child is repaired, up to `_MOST_REPAIRS` times per step, while it is off by more than this.
_TOLERANCE = 0.015
_MOST_REPAIRS = 20
# Networks slower than this many targets, and than a random network, are not told apart.
_FAR = 8.0


def _most_ms(latencies: ChainCosts, target_ms: float) -> float:
    """Returns where the latencies that are told apart may end.

    Beyond a random network's mean, so that many are told apart: among equals there is no force.
    """
    equal = latencies.mask / np.array(latencies.counts)[:, None]
    return max(_FAR * target_ms, float(latencies.expected(tf.constant(equal))))


class TargetLatency(Objective):
    """Minimises cross-entropy and leads the most probable child's latency to a target.

    Args:
        latencies: costs of the networks.
        target_ms: target latency of the child.
        num_steps: architecture steps in the whole search; of an extended one, those of the
            searches before it first, as for `run_length.at`.
        first_multiplier: initial multiplier of both forces, in logits per step; for example the
            optimizer's step size.
    """

    def __init__(
        self,
        latencies: ChainCosts,
        target_ms: float,
        num_steps: int | Sequence[int],
        first_multiplier: float = 0.01,
    ) -> None:
        self._latencies = latencies
        self._target_ms = target_ms
        self._num_steps = [num_steps] if isinstance(num_steps, int) else list(num_steps)
        self._least = 1e-3 * first_multiplier
        self._distribution = LatencyDistribution(latencies, _most_ms(latencies, target_ms))
        self._excess = tf.constant(self._distribution.grid_ms / target_ms - 1.0, tf.float32)
        self._mask = latencies.mask
        first = min(first_multiplier, _MOST_LOGITS_A_STEP)
        self._steps = tf.Variable(0, dtype=tf.int64, trainable=False, name="target_steps")
        self._of_sampled = tf.Variable(first, trainable=False, name="sampled_multiplier")
        self._of_child = tf.Variable(first, trainable=False, name="child_multiplier")
        self._heat = tf.Variable(0.0, trainable=False, name="target_heat")
        # Steps made, the two multipliers, and the logarithm of the factor that raises t.
        self.variables = {
            "target_steps": self._steps,
            "target_sampled_multiplier": self._of_sampled,
            "target_child_multiplier": self._of_child,
            "target_heat": self._heat,
        }

    def gradient_weights(self, cross_entropy, expected_ms):
        """Returns (1, 0), since latency acts through `move`."""
        del cross_entropy, expected_ms
        return tf.constant(1.0), tf.constant(0.0)

    def force(
        self, alpha: tf.Tensor, temperature: tf.Tensor, width: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the force softmax(alpha / t) - P(c | hit), and the probability of a hit.

        Args:
            alpha: `[rows, options]`.
            temperature: t.
            width: s, as a fraction of the target.

        Returns:
            `[rows, options]` and a scalar.
        """
        p = sampling.path_probabilities(alpha / temperature, self._mask)
        score = 1.0 / (1.0 + tf.pow(self._excess / width, 4.0))
        found = self._distribution.scores(p, score)
        return p - p * found.by_candidate / found.mean, found.mean

    def move(self, alpha: tf.Tensor) -> tf.Tensor:
        """Applies both forces to alpha, one after the other, and updates the controller."""
        num_steps = run_length.at(self._steps.read_value(), self._num_steps)
        num_steps = tf.cast(num_steps, tf.float32)
        progress = tf.cast(self._steps, tf.float32) / num_steps
        approach = tf.clip_by_value((progress - _BEGIN) / (_APPROACH - _BEGIN), 0.0, 1.0)
        width = _WIDTH_FIRST * tf.pow(_WIDTH_LAST / _WIDTH_FIRST, approach)
        coolest = tf.pow(_TEMPERATURE_LAST, approach)
        temperature = coolest * tf.exp(self._heat)

        force, chance = self.force(alpha, temperature, width)
        begun = tf.cast(progress >= _BEGIN, tf.float32)
        alpha = alpha - begun * self._of_child * force
        self._adapt(self._of_child, begun * _CHILD_GAIN * (_CHILD_CHANCE - chance) / num_steps)

        force, chance = self.force(alpha, tf.constant(1.0), tf.constant(_SAMPLED_WIDTH))
        alpha = alpha - self._of_sampled * force
        self._adapt(self._of_sampled, _SAMPLED_GAIN * (_SAMPLED_CHANCE - chance) / num_steps)

        is_late = progress >= _APPROACH
        direction = tf.where(self._is_off(alpha), 1.0, -1.0)
        heat = self._heat + direction * _TEMPERATURE_GAIN / num_steps
        hottest = tf.math.log(_TEMPERATURE_MOST / coolest)
        self._heat.assign(tf.where(is_late, tf.clip_by_value(heat, 0.0, hottest), 0.0))
        self._steps.assign_add(1)
        return self._repaired(alpha, is_late, temperature, width)

    def _is_off(self, alpha: tf.Tensor) -> tf.Tensor:
        child_ms = self._latencies.most_probable(alpha, self._mask)
        return tf.abs(child_ms / self._target_ms - 1.0) > _TOLERANCE

    def _repaired(
        self, alpha: tf.Tensor, is_late: tf.Tensor, temperature: tf.Tensor, width: tf.Tensor
    ) -> tf.Tensor:
        """Applies the force on the child again until the argmax hits the target."""

        def is_unfinished(count: tf.Tensor, alpha: tf.Tensor) -> tf.Tensor:
            return is_late & (count < _MOST_REPAIRS) & self._is_off(alpha)

        def repair(count: tf.Tensor, alpha: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            force, _ = self.force(alpha, temperature, width)
            return count + 1, alpha - self._of_child * force

        return tf.while_loop(is_unfinished, repair, [tf.constant(0), alpha])[1]

    def _adapt(self, multiplier: tf.Variable, rate: tf.Tensor) -> None:
        grown = multiplier * tf.exp(rate)
        multiplier.assign(tf.clip_by_value(grown, self._least, _MOST_LOGITS_A_STEP))

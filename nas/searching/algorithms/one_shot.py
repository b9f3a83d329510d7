"""One-Shot: a supernet that learns no architecture parameters, and evolution on its paths.

The weights are trained alone, without a look at the validation part. Then evolution
(`nas/searching/evolution.py`) looks for the path that is the most accurate on it under the latency
limit, batch normalization measured anew for every path (`nas/searching/path_accuracy.py`).

Two ways of training the weights:

- Path dropout (Bender et al., ICML 2018). All candidates are computed and kept. Each is dropped by
  itself, with a rate that rises linearly from 0 to r^(1/k) at the last step; k is the slot's number
  of candidates, so r is how probable it is that all of them are dropped. Where that happens, one
  drawn uniformly is kept. What is kept is divided by its number: a plain sum would multiply the
  signal slot by slot, since every candidate that keeps its input's shape adds that input, and a
  single path, as it is judged, would not resemble it. Dropped weights get no step.
- Uniform paths (Guo et al., ECCV 2020, "single path one-shot"). Every step trains one path, each
  slot's candidate drawn uniformly. As much memory as one network.
"""

import numpy as np
import tensorflow as tf

from nas.choices import sampling
from nas.choices.uniform_children import UniformChildren
from nas.searching import evolution, path_accuracy
from nas.searching.algorithms.protocol import SupernetAlgorithm
from nas.searching.algorithms.task import Task
from nas.searching.judged_networks import JudgedNetworks
from nas.supernet import routes
from nas.supernet.supernet import Supernet


class _Evolved(SupernetAlgorithm):
    """What both have in common: the choice."""

    learns_alpha = False

    def choose(self, task: Task, supernet: Supernet) -> tuple[int, ...]:
        """The most accurate path that evolution finds under the limit."""
        judged = JudgedNetworks(task.directory / "networks.json", task.identity, task.report)
        best = evolution.evolve(
            UniformChildren(task.latencies, task.config.target or None),
            path_accuracy.PathAccuracy(supernet, task.dataset),
            task.config,
            judged,
            task.track,
        )
        return best.choices


class UniformPaths(_Evolved):
    """Single path one-shot."""

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """One candidate a slot, drawn uniformly."""
        equal = tf.zeros(supernet.alpha.shape)
        return routes.Path(sampling.sample_path(equal, supernet.mask, seed))


class PathDropout(_Evolved):
    """The mean of the candidates that were not dropped."""

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """All candidates that were not dropped, with equal weights."""
        kept = tf.cast(self.kept(supernet.mask, supernet.step.value, seed), tf.float32)
        return routes.Mixture(kept / tf.reduce_sum(kept, axis=1, keepdims=True))

    def kept(self, mask: np.ndarray, step: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`[slots, most candidates]` bool: which candidates are computed in this step.

        Args:
            mask: the same shape, true where a candidate exists.
            step: number of the training step, from 1.
            seed: `[2]` integers.
        """
        steps = (self.config.warmup_epochs + self.config.epochs) * self.steps_per_epoch
        progress = tf.minimum(tf.cast(step, tf.float32) / steps, 1.0)
        final_rate = self.config.path_dropout ** (1.0 / mask.sum(axis=1, keepdims=True))
        draw = tf.random.stateless_uniform(mask.shape, seed)
        draw = tf.where(mask, draw, -1.0)
        # The largest draw is kept by itself wherever any is, and is uniform among the candidates.
        largest = tf.reduce_max(draw, axis=1, keepdims=True)
        return (draw >= tf.minimum(progress * final_rate.astype(np.float32), largest)) & mask

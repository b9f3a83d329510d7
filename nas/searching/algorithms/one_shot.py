"""One-Shot: trains a supernet without architecture parameters, then evolves its paths.

Only the weights are trained; the validation split is not used for that. Then evolution
(`nas/searching/evolution.py`) finds the path with the highest validation accuracy under the latency
limit. The moments of batch normalization are measured again for every path
(`nas/searching/path_accuracy.py`).

Two ways of training the weights:

- Path dropout (Bender et al., ICML 2018). All candidates are computed and their activations stored.
  Each candidate is dropped independently, with a rate that rises linearly from 0 to r^(1/k) at the
  last step, where k is the slot's number of candidates. So r is the probability that all of them
  are dropped; in that case one, drawn uniformly, is kept. The slot's output is the mean of the kept
  candidates. A sum would multiply the signal from slot to slot, since every candidate that keeps
  its input's shape adds that input, and would not resemble the single path that is evaluated later.
  Weights of dropped candidates are not updated.
- Uniform paths (Guo et al., ECCV 2020, "single path one-shot"). Every step trains one path; each
  slot's candidate is drawn uniformly. It needs as much memory as one network.
"""

import numpy as np
import tensorflow as tf

from nas import run_length
from nas.choices import derive, sampling
from nas.choices.partial_networks import Worth
from nas.choices.uniform_children import UniformChildren
from nas.searching import evolution, path_accuracy
from nas.searching.algorithms.protocol import SupernetAlgorithm
from nas.searching.algorithms.task import Task
from nas.searching.judged_networks import JudgedNetworks
from nas.supernet import routes
from nas.supernet.supernet import Supernet


class _Evolved(SupernetAlgorithm):
    """Base of both algorithms: chooses the child by evolution."""

    learns_alpha = False
    target_is_limit = True

    def choose(self, task: Task, supernet: Supernet) -> tuple[int, ...]:
        """Returns the most accurate path that evolution finds under the limit."""
        judged = JudgedNetworks(task.directory / "networks.json", task.identity, task.report)
        best = evolution.evolve(
            UniformChildren(task.latencies, task.config.target or None),
            path_accuracy.PathAccuracy(supernet, task.dataset),
            task.config,
            judged,
            task.track,
        )
        return best.choices

    def choose_by(self, p: np.ndarray, task: Task, worth: Worth = ()) -> tuple[int, ...]:
        """Returns the most probable network by `p`; a target is always a limit."""
        if not task.config.target:
            return derive.most_probable(p)
        return derive.most_probable_near(p, task.latencies, task.config.target, worth)


class UniformPaths(_Evolved):
    """Single path one-shot: every step trains one uniformly drawn path."""

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """Returns a path with one uniformly drawn option per decision."""
        equal = tf.zeros(supernet.alpha.shape)
        return routes.Path(sampling.sample_path(equal, supernet.mask, seed))


class PathDropout(_Evolved):
    """Path dropout: a slot's output is the mean of the candidates that were not dropped."""

    trains_paths = False

    def weight_route(self, supernet: Supernet, seed: tf.Tensor) -> routes.Route:
        """Returns the mixture of all candidates that were not dropped, with equal weights."""
        kept = tf.cast(self.kept(supernet.mask, supernet.step.value, seed), tf.float32)
        # Widths and resolution cannot be mixed; a uniform draw has them.
        equal, others = tf.zeros(supernet.alpha.shape), tf.random.fold_in(seed, 1)
        choices = sampling.sample_path(equal, supernet.mask, others)
        return routes.Mixture(kept / tf.reduce_sum(kept, axis=1, keepdims=True), choices)

    def kept(self, mask: np.ndarray, step: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws which candidates are not dropped, `[rows, most options]` bool.

        Args:
            mask: the same shape, true where a candidate exists.
            step: number of the training step, from 1.
            seed: `[2]` integers.
        """
        config = self.config
        epochs = (*config.earlier_epochs, config.epochs)
        lengths = [(config.warmup_epochs + count) * self.steps_per_epoch for count in epochs]
        steps = tf.cast(run_length.at(step - 1, lengths), tf.float32)
        progress = tf.minimum(tf.cast(step, tf.float32) / steps, 1.0)
        final_rate = self.config.path_dropout ** (1.0 / mask.sum(axis=1, keepdims=True))
        draw = tf.random.stateless_uniform(mask.shape, seed)
        draw = tf.where(mask, draw, -1.0)
        # The candidate with the largest draw is always kept; which one it is is uniform.
        largest = tf.reduce_max(draw, axis=1, keepdims=True)
        return (draw >= tf.minimum(progress * final_rate.astype(np.float32), largest)) & mask

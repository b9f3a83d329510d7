"""The training steps of a supernet and its children that `tools.benchmark_supernet` compares.

Most functions return a compiled step with a fixed batch of noise, since it does not matter what is
learned. Functions with names ending in `of`, and `STEPS`, give functions of a batch that are not
compiled yet.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nas.architecture import spaces
from nas.architecture.blocks import Block, Slot
from nas.architecture.operations import MBConv
from nas.architecture.specs import Child, SearchSpace
from nas.choices import ordered_networks, sampling, space_costs
from nas.layers import keras_network
from nas.searching import algorithms
from nas.searching.algorithms import proxyless_gradient
from nas.searching.algorithms.proxyless_gradient import FullGradient, TwoPathGradient
from nas.searching.algorithms.proxyless_reinforce import Reinforce
from nas.supernet import routes, supernet
from tools.experiments.steps import plain_child

Step = Callable[[], object]
Choices = Sequence[int]
# A compiled `tf.function` without arguments; TensorFlow publishes no type for it.
Function = Any
StepOfBatch = Callable[[tf.Tensor, tf.Tensor], object]

LABEL_SMOOTHING = 0.1


def compiled(step: Callable) -> Function:
    """Compiles `step` to a graph in the same way as `fit`."""
    return tf.function(step, jit_compile=False, autograph=False)


def optimizer() -> keras.optimizers.Optimizer:
    """Makes the optimizer of a step, with the default settings of a search."""
    return keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True, weight_decay=4e-4)


def noise(space: SearchSpace | Child, batch_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Makes random images `[batch, height, width, channels]` and labels `[batch]`."""
    images = tf.random.stateless_uniform([batch_size, *space.input_shape], [0, 1], -1.0, 1.0)
    labels = tf.random.stateless_uniform([batch_size], [0, 2], 0, space.num_classes, tf.int32)
    return images, labels


def random_paths(space: SearchSpace, count: int, seed: int) -> list[tuple[int, ...]]:
    """Draws paths uniformly, as a warm-up does."""
    generator = np.random.default_rng(seed)
    return [
        tuple(int(generator.integers(count)) for count in space.option_counts) for _ in range(count)
    ]


def largest_path(space: SearchSpace) -> tuple[int, ...]:
    """Returns the path of the most multiply-accumulates."""
    return next(ordered_networks.by_cost(space_costs.macs_of(space), dearest_first=True))


def step_kinds(space: SearchSpace) -> list[str]:
    """Returns the keys of `STEPS` that a space has; widths cannot be mixed."""
    return [kind for kind in STEPS if kind != "darts" or space.decisions == {"operations"}]


def with_candidates(space: SearchSpace, count: int) -> SearchSpace:
    """`space` with `count` MBConv candidates in every slot, beginning with k3 e3.

    A space needs at least one choice. If `count` is one, the last slot therefore keeps two.
    """
    mbconvs = tuple(MBConv(k, e) for e in (3, 6) for k in (3, 5, 7))
    last = space.slots[-1]
    layers: list[Block | Slot] = []
    for layer in space.layers:
        if isinstance(layer, Block):
            layers.append(layer)
            continue
        kept = max(count, 2) if layer is last else count
        slot = dataclasses.replace(layer, candidates=mbconvs[: max(kept, 2)])
        layers.append(slot if kept > 1 else slot.block(0))
    return dataclasses.replace(space, layers=tuple(layers))


class SupernetSteps:
    """The steps of one supernet.

    Args:
        space: the search space.
        batch_size: images per step.
    """

    def __init__(self, space: SearchSpace, batch_size: int) -> None:
        self.space = space
        self.batch = noise(space, batch_size)
        self.net = self._supernet(proxyless_gradient.TwoPathGradient())
        self._step = tf.Variable(0, dtype=tf.int64)
        self._weight = compiled(self._weight_step)

    def _supernet(self, algorithm: algorithms.SupernetAlgorithm) -> supernet.Supernet:
        net = supernet.Supernet(self.space)
        net.compile(optimizer(), algorithm=algorithm, label_smoothing=LABEL_SMOOTHING)
        return net

    def _weight_step(self, choices: tf.Tensor) -> None:
        self.net.weight_step(*self.batch, routes.Path(choices))

    def weight(self, choices: Choices) -> Step:
        """The weight step on one path; all paths share one compiled function."""
        path = tf.constant(choices, tf.int32)
        return lambda: self._weight(path)

    def architecture(self, algorithm: algorithms.SupernetAlgorithm) -> Function:
        """The architecture step of `algorithm`, with new random draws in every call."""
        step = self.architecture_of(algorithm)
        return compiled(lambda: step(*self.batch))

    def mixture(self, normalized: bool) -> Function:
        """The weight step with every candidate computed: DARTS, or One-Shot's plain sum."""
        step = self.mixture_of(normalized)
        return compiled(lambda: step(*self.batch))

    def weight_of(self, choices: Choices) -> StepOfBatch:
        """The weight step on one path."""
        # A variable, so that TensorFlow cannot simplify the graph for this path.
        path = tf.Variable(choices, dtype=tf.int32)
        return lambda x, labels: self.net.weight_step(x, labels, routes.Path(path.value()))

    def architecture_of(self, algorithm: algorithms.SupernetAlgorithm) -> StepOfBatch:
        """The architecture step of `algorithm` on its own supernet, with new random draws."""
        net = self._supernet(algorithm)

        def run(images: tf.Tensor, labels: tf.Tensor) -> None:
            seed = tf.stack([tf.constant(1, tf.int64), self._step.assign_add(1)])
            net.architecture_step(images, labels, seed)

        return run

    def mixture_of(self, normalized: bool) -> StepOfBatch:
        """The weight step with every candidate computed: DARTS, or One-Shot's plain sum."""

        def run(images: tf.Tensor, labels: tf.Tensor) -> None:
            p = sampling.path_probabilities(self.net.alpha.value, self.net.mask)
            weights = p if normalized else tf.cast(self.net.mask, tf.float32)
            self.net.weight_step(images, labels, routes.Mixture(weights))

        return run

    def compile_search(self) -> tuple[float, float]:
        """Seconds to trace the whole training step as `fit` does, and seconds of its first run."""
        specs = tuple(tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in self.batch)
        start = time.perf_counter()
        concrete = compiled(self.net.train_step).get_concrete_function((specs, specs))
        traced = time.perf_counter()
        concrete((self.batch, self.batch))
        return traced - start, time.perf_counter() - traced


def stock_child(space: SearchSpace, choices: Choices, batch_size: int) -> Function:
    """The training step of a child built as a functional model of stock Keras layers."""
    child = space.child(choices)
    batch = noise(child, batch_size)
    model = keras_network.build_child(child)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=LABEL_SMOOTHING)
    model.compile(optimizer(), loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    images, labels = batch[0], tf.one_hot(batch[1], space.num_classes)
    return compiled(lambda: model.train_step((images, labels)))


def same_kernels_child(space: SearchSpace, choices: Choices, batch_size: int) -> Function:
    """The training step of a child that uses the supernet's kernels."""
    batch = noise(space.child(choices), batch_size)
    step = _same_kernels_child_of(space, choices)
    return compiled(lambda: step(*batch))


def _same_kernels_child_of(space: SearchSpace, choices: Choices) -> StepOfBatch:
    child = plain_child.PlainChild(space.child(choices), optimizer(), LABEL_SMOOTHING)
    return child.weight_step


# The steps whose peak memory is measured.
STEPS: dict[str, Callable[[SearchSpace, Choices], StepOfBatch]] = {
    "child": _same_kernels_child_of,
    "supernet": lambda space, path: SupernetSteps(space, 1).weight_of(path),
    "arch_two": lambda space, _: SupernetSteps(space, 1).architecture_of(TwoPathGradient()),
    "arch_full": lambda space, _: SupernetSteps(space, 1).architecture_of(FullGradient()),
    "arch_reinforce": lambda space, _: SupernetSteps(space, 1).architecture_of(Reinforce()),
    "darts": lambda space, _: SupernetSteps(space, 1).mixture_of(normalized=True),
    "one_shot": lambda space, _: SupernetSteps(space, 1).mixture_of(normalized=False),
}


def load_space(name: str, resolution: int | None) -> SearchSpace:
    """Loads the space `name`, at `resolution` if it is given."""
    space = spaces.load_space(name)
    return space.with_task(space.num_classes, resolution, None)

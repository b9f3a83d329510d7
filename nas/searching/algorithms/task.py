"""What a search algorithm is given, and what it gives back."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from nas.architecture.specs import SearchSpace
from nas.choices.candidate_costs import Latencies
from nas.data.splits.dataset import Dataset
from nas.distribution.hosts import Distribution
from nas.searching.search_config import SearchConfig
from nas.supernet.learning_network import StepAlgorithm
from nas.supernet.supernet import Supernet


@dataclasses.dataclass(frozen=True)
class Task:
    """One search: its input, checked, and the folder in which it may leave what it made.

    Attributes:
        space: with the data set's classes and resolution.
        dataset: its `train` part is for weights, its `validation` part for choices.
        latencies: of every candidate; zero where no latency model was given.
        config: settings.
        directory: where the search keeps its files.
        identity: what the result depends on, as JSON values by name; files of a search with
            another one are not gone on with.
        train_supernet: trains a supernet as an algorithm wants it, or takes it back from
            checkpoints.
        callbacks: Keras callbacks for every `fit`.
        report: is told lines for the user.
        track: shows progress: (iterable, number of items, label) -> the same items.
        distribution: the devices and hosts that train the supernet.
    """

    space: SearchSpace
    dataset: Dataset
    latencies: Latencies
    config: SearchConfig
    directory: pathlib.Path
    identity: Mapping[str, Any]
    train_supernet: Callable[[StepAlgorithm], Supernet]
    callbacks: Sequence[keras.callbacks.Callback]
    report: Callable[[str], None]
    track: Callable[[Iterable, int, str], Iterable]
    distribution: Distribution = Distribution()


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        choices: the child's candidate in every slot.
        most_probable: the same by the largest probabilities alone, whatever they cost; None where
            no probabilities are learned.
        probabilities: `[slots, most candidates]`, NaN in the padding.
        predicted_cost: the child's latency in milliseconds, or its cost in the unit of the
            latencies that the search was given; None without a target.
        validation_accuracy: on the validation part, in [0, 1], of the child with the weights it
            has in the search. It is trained from scratch afterwards; this only says how far the
            search got.
    """

    choices: tuple[int, ...]
    most_probable: tuple[int, ...] | None
    probabilities: np.ndarray
    predicted_cost: float | None
    validation_accuracy: float

    @property
    def entropy(self) -> float:
        """Of the path probabilities, mean over the slots, in nats."""
        p = np.nan_to_num(self.probabilities)
        return float(np.mean(np.sum(-p * np.log(np.maximum(p, 1e-30)), axis=1)))

"""The input and the result of a search algorithm."""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from nas.architecture.specs import SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.data.splits.dataset import Dataset
from nas.distribution.hosts import Distribution
from nas.pretrained.adapting import Seed
from nas.progress import Track
from nas.searching.search_config import SearchConfig
from nas.supernet.learning_network import StepAlgorithm
from nas.supernet.supernet import Supernet

# The child with the weights that a search leaves.
CHILD_FILE = "child.keras"


@dataclasses.dataclass(frozen=True)
class Task:
    """The checked input of one search.

    Attributes:
        space: the search space, with the data set's classes and resolution.
        dataset: its `train` split trains weights, its `validation` split the architecture.
        latencies: predicted latencies of the networks; zero if no latency model was given.
        config: settings.
        directory: folder for the search's files.
        identity: everything the result depends on, as JSON values by name; files of a search with
            another identity are not resumed.
        train_supernet: trains a supernet for an algorithm, or restores it from checkpoints.
        callbacks: Keras callbacks for every `fit`.
        report: receives lines for the user.
        track: shows progress: (iterable, number of items, label) -> the same items.
        distribution: the devices and hosts that train the supernet.
        pretrained: the network whose weights the supernet begins with; None for random weights.
    """

    space: SearchSpace
    dataset: Dataset
    latencies: ChainCosts
    config: SearchConfig
    directory: pathlib.Path
    identity: Mapping[str, Any]
    train_supernet: Callable[[StepAlgorithm], Supernet]
    callbacks: Sequence[keras.callbacks.Callback]
    report: Callable[[str], None]
    track: Track
    distribution: Distribution = Distribution()
    pretrained: Seed | None = None


@dataclasses.dataclass(frozen=True)
class SearchResult:
    """The result of a search.

    Attributes:
        choices: the child's option in every row.
        most_probable: the most probable option in every row, whatever its cost; None if no
            probabilities are learned.
        probabilities: `[rows, most options]`, NaN in the padding.
        predicted_cost: the child's latency in milliseconds, or its cost in the unit of the
            latencies that the search was given; None without a target.
        validation_accuracy: in [0, 1], of the child with the weights that the search leaves. It
            only shows the progress of the search, since the child is trained afterwards.
    """

    choices: tuple[int, ...]
    most_probable: tuple[int, ...] | None
    probabilities: np.ndarray
    predicted_cost: float | None
    validation_accuracy: float

    @property
    def entropy(self) -> float:
        """Entropy of the path probabilities, mean over the rows, in nats."""
        p = np.nan_to_num(self.probabilities)
        return float(np.mean(np.sum(-p * np.log(np.maximum(p, 1e-30)), axis=1)))

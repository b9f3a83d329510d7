"""Random search: the best of several random networks (Li & Talwalkar, UAI 2019).

This is the fair baseline: it makes no more passes over the training images than a search with a
supernet. Different networks are drawn uniformly from the children under the latency limit. Each is
trained from scratch on the training split with the search's settings, for an equal share of the
epochs, warm-up included and rounded down, and evaluated on the validation split. The best one is
the child.

`networks.json` stores every finished network; the unfinished one resumes from its own checkpoints.
`child.keras` is the best one as it was trained.
"""

import json
import pathlib
import random
import shutil

import keras
import numpy as np

from nas import files
from nas.architecture.specs import Child
from nas.choices.uniform_children import UniformChildren
from nas.data.splits.dataset import Dataset
from nas.searching import alpha_file
from nas.searching.algorithms.protocol import EVERY_DECISION, Algorithm
from nas.searching.algorithms.task import CHILD_FILE, SearchResult, Task
from nas.searching.judged_networks import Judged, JudgedNetworks
from nas.searching.search_config import SearchConfig
from nas.training import child_training
from nas.training.train_config import TrainConfig


class RandomNetworks(Algorithm):
    """Random search: trains random networks and returns the best.

    Args:
        config: settings of the search; the defaults if not given.
        steps_per_epoch: not used.

    Raises:
        ValueError: the optimizer is not that of a child's training, or there are fewer epochs than
            networks.
    """

    decisions = EVERY_DECISION

    def __init__(self, config: SearchConfig | None = None, steps_per_epoch: int = 1) -> None:
        del steps_per_epoch
        config = config or SearchConfig()
        if config.optimizer != "sgd":
            raise ValueError(
                "optimizer: expected sgd with algorithm random, which trains children as always, "
                f"received {config.optimizer}; use sgd or another algorithm"
            )
        epochs = config.warmup_epochs + config.epochs
        self._epochs = epochs // config.random_networks
        if not self._epochs:
            raise ValueError(
                f"random_networks: expected at most {epochs}, the epochs of the whole search, "
                f"received {config.random_networks}"
            )

    def search(self, task: Task) -> SearchResult:
        """Draws, trains and evaluates networks; also writes `networks.json`."""
        children = UniformChildren(task.latencies, task.config.target or None)
        rng = random.Random(f"random networks {task.config.seed}")
        networks = children.draw_different(rng, task.config.random_networks)
        if len(networks) < task.config.random_networks:
            raise ValueError(
                f"random_networks: expected at most {len(networks)}, the networks found under the "
                f"latency limit, received {task.config.random_networks}"
            )
        judged = JudgedNetworks(task.directory / "networks.json", task.identity, task.report)
        for i, choices in enumerate(networks[judged.rounds :], start=judged.rounds):
            directory = task.directory / f"network_{i:02d}"
            child = task.space.child(choices, f"random_{i}")
            images = task.dataset.at_resolution(child.resolution)
            model = self._trained(task, child, images, directory)
            weights = images.weights_in(images.train)
            accuracy = child_training.evaluate(model, images.validation, weights, task.track)
            files.write_with(directory / CHILD_FILE, model.save)
            judged.add_round([Judged(choices, accuracy, children.cost(choices), i)])
            # Its accuracy is stored, so its checkpoints are no longer needed; its metrics stay.
            shutil.rmtree(directory / "checkpoints")
            task.report(
                f"network {i + 1} of {len(networks)}: validation accuracy {100 * accuracy:.2f} %"
            )
        counts = children.counts
        _write_usual_files(task, judged, self._epochs, counts)
        best = judged.best
        trained = task.directory / f"network_{best.round:02d}" / CHILD_FILE
        # Earlier versions kept no models.
        if trained.exists():
            files.write_bytes(task.directory / CHILD_FILE, trained.read_bytes())
        return SearchResult(
            choices=best.choices,
            most_probable=None,
            probabilities=_uniform(counts),
            predicted_cost=best.cost if task.config.target else None,
            validation_accuracy=best.validation_accuracy,
        )

    def _trained(
        self, task: Task, child: Child, dataset: Dataset, directory: pathlib.Path
    ) -> keras.Model:
        config = task.config
        return child_training.train(
            child,
            dataset.without_validation(),
            TrainConfig(
                epochs=self._epochs,
                batch_size=config.batch_size,
                seed=config.seed,
                learning_rate=config.learning_rate,
                weight_decay=config.weight_decay,
                label_smoothing=config.label_smoothing,
                precision=config.precision,
            ),
            directory,
            task.callbacks,
            task.report,
        )


def _uniform(counts: list[int]) -> np.ndarray:
    """Probabilities `[rows, most options]`, NaN in the padding."""
    return np.array([[1.0 / n] * n + [np.nan] * (max(counts) - n) for n in counts])


def _write_usual_files(task: Task, judged: JudgedNetworks, epochs: int, counts: list[int]) -> None:
    """Writes one row of metrics per network, and an empty alphas.npz, since no alpha is learned."""
    rows = [
        {
            "epoch": (network.round + 1) * epochs,
            "network": network.round,
            "validation_accuracy": round(network.validation_accuracy, 6),
            f"expected_{task.latencies.quantity}": round(network.cost, 6),
        }
        for network in judged.networks
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    files.write_bytes(task.directory / "metrics.jsonl", text.encode())
    none = np.zeros([0, len(counts), max(counts)], np.float32)
    alpha_file.write(task.directory / "alphas.npz", none)

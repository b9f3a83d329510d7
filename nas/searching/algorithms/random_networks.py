"""Random search: the best of some random networks (Li & Talwalkar, UAI 2019).

The honest baseline: it takes no more passes over the training images than a search with a supernet
does. Networks are drawn uniformly among the children under the latency limit, all different. Each
is trained from scratch on the training part for an equal share of the epochs, warm-up included
(what does not divide is left out), with the search's settings, and judged on the validation part.
The best is the child.

`networks.json` gets every finished network; the one in work goes on from its own checkpoints.
"""

import dataclasses
import json
import pathlib
import random
import shutil

import keras
import numpy as np

from nas import files
from nas.architecture.specs import Child
from nas.choices.uniform_children import UniformChildren
from nas.searching.algorithms.protocol import Algorithm
from nas.searching.algorithms.task import SearchResult, Task
from nas.searching.judged_networks import Judged, JudgedNetworks
from nas.searching.search_config import SearchConfig
from nas.training import child_training


class RandomNetworks(Algorithm):
    """Best of random networks.

    Args:
        config: settings of the search; the defaults if not given.
        steps_per_epoch: not needed.

    Raises:
        ValueError: a setting that a child's training does not have, or fewer epochs than networks.
    """

    def __init__(self, config: SearchConfig | None = None, steps_per_epoch: int = 1) -> None:
        del steps_per_epoch
        config = config or SearchConfig()
        if config.optimizer != "sgd":
            raise ValueError(
                f"optimizer: expected sgd with algorithm random, received {config.optimizer}; "
                "children are trained with it"
            )
        epochs = config.warmup_epochs + config.epochs
        self._epochs = epochs // config.random_networks
        if not self._epochs:
            raise ValueError(
                f"random_networks: expected at most {epochs}, the epochs of the whole search, "
                f"received {config.random_networks}"
            )

    def search(self, task: Task) -> SearchResult:
        """Draws, trains and judges; writes `networks.json` beside the usual files."""
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
            model = self._trained(task, task.space.child(choices, f"random_{i}"), directory)
            accuracy = child_training.evaluate(model, task.dataset.validation)
            judged.add_round([Judged(choices, accuracy, children.cost(choices), i)])
            # Its metrics stay; with its accuracy known, nothing goes on from its checkpoints.
            shutil.rmtree(directory / "checkpoints")
            task.report(
                f"network {i + 1} of {len(networks)}: {100 * accuracy:.2f} % on the validation part"
            )
        counts = children.num_candidates
        _write_usual_files(task, judged, self._epochs, counts)
        best = judged.best
        return SearchResult(
            choices=best.choices,
            most_probable=None,
            probabilities=_uniform(counts),
            predicted_cost=best.cost if task.config.target else None,
            validation_accuracy=best.validation_accuracy,
        )

    def _trained(self, task: Task, child: Child, directory: pathlib.Path) -> keras.Model:
        config = task.config
        # `train` would take the validation part too, which is to judge here.
        nothing = task.dataset.validation.take(np.arange(0))
        return child_training.train(
            child,
            dataclasses.replace(task.dataset, validation=nothing),
            child_training.TrainConfig(
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
    """Probabilities `[slots, most candidates]`, NaN in the padding."""
    return np.array([[1.0 / n] * n + [np.nan] * (max(counts) - n) for n in counts])


def _write_usual_files(task: Task, judged: JudgedNetworks, epochs: int, counts: list[int]) -> None:
    """One row of metrics a network, and no alphas, for there are none."""
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
    files.write_with(task.directory / "alphas.npz", lambda path: np.savez(path, alphas=none))

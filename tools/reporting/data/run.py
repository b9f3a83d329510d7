"""The content of a run's work dir as plain data, with units in the names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from export.checks import parity_record
from latency_models.models.scores import Scores
from nas.architecture import counting
from nas.architecture.specs import Child, SearchSpace
from nas.searching.finalist_record import Finalist
from nas.searching.judged_networks import StoredNetwork
from tools.reporting.data import records

if TYPE_CHECKING:
    # It imports TensorFlow, which takes seconds.
    from nas.choices.chain_costs import ChainCosts


@dataclasses.dataclass(frozen=True)
class Latency:
    """The latency model of a run.

    Attributes:
        kind: `lookup_table` or `regression`.
        recipe: export recipe of the measured models.
        environment: the device, its system and its runtime.
        reference_ms: milliseconds of the reference model; None if there was none.
        evaluation: held-out errors by name, including `networks` and `blocks`.
        costs: milliseconds of all networks of the space; None if the space is unknown.
        note: if `costs` is None although there is a space, the reason in one sentence.
    """

    kind: str
    recipe: str
    environment: Mapping[str, Any]
    reference_ms: float | None
    evaluation: Mapping[str, Scores]
    costs: ChainCosts | None = None
    note: str = ""

    def slots_ms(self, choices: Sequence[int]) -> list[tuple[float, ...]]:
        """Milliseconds by slot and candidate, at the widths and the resolution of `choices`.

        Empty if the space is unknown.
        """
        if self.costs is None:
            return []
        found = []
        for layer in self.costs.layers:
            if layer.operation is None:
                continue
            # An axis of length 1 holds for every option.
            resolution, _, before, after = (
                0 if row is None or length == 1 else choices[row]
                for row, length in zip(
                    layer.rows(self.costs.resolution), layer.costs.shape, strict=True
                )
            )
            found.append(tuple(layer.costs[resolution, :, before, after].tolist()))
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """Everything a report needs about one work dir.

    Missing data is None or empty.

    Attributes:
        path: the work dir as given by the user.
        config: flags by command, from `config.json`.
        stage_seconds: seconds by stage, in the order in which the stages ran.
        settings: settings of the search, such as algorithm, seed and epochs.
        dataset: name of the data set.
        space: the search space.
        child: the network that was found or trained.
        found: provenance of `child`; after a search it has the choices too.
        alphas: `[epochs, rows, most options]`, padded with NaN; the rows are those of the space.
        search_rows: metrics of the search, one row per epoch.
        train_rows: metrics of the training, one row per epoch.
        train_epochs: number of epochs of the whole training.
        judged: networks that the search trained or sampled, and evaluated.
        finalists: networks of which the child was chosen by training each a little.
        latency: the latency model.
        target: target of `quantity`; 0 for none.
        quantity: `latency_ms`, `macs`, `params` or `bytes`.
        parities: comparisons with Keras, by recipe.
        measured_ms: latency of the exported files, by recipe.
        summary: summary of a finished pipeline.
        provenances: provenance of each file, by file name.
    """

    path: str
    config: Mapping[str, Mapping[str, Any]]
    stage_seconds: Mapping[str, float]
    settings: Mapping[str, Any]
    dataset: str | None
    space: SearchSpace | None
    child: Child | None
    found: records.Found | None
    alphas: np.ndarray
    search_rows: tuple[Mapping[str, float], ...]
    train_rows: tuple[Mapping[str, float], ...]
    train_epochs: int | None
    judged: tuple[StoredNetwork, ...]
    finalists: tuple[Finalist, ...]
    latency: Latency | None
    target: float
    quantity: str
    parities: Mapping[str, parity_record.Record]
    measured_ms: Mapping[str, float]
    summary: records.Summary | None
    provenances: Mapping[str, records.Provenance]

    @property
    def probabilities(self) -> np.ndarray:
        """Path probabilities `[epochs, rows, most options]`: softmax of alpha, NaN padded."""
        if not self.alphas.size:
            return self.alphas
        shifted = np.exp(self.alphas - np.nanmax(self.alphas, axis=2, keepdims=True))
        return shifted / np.nansum(shifted, axis=2, keepdims=True)

    @property
    def choices(self) -> tuple[int, ...] | None:
        """The child's choice in every row; during a search, the most probable options."""
        if self.child is not None and self.space is not None:
            return self.space.choices(self.child)
        if self.child is None and self.has_learned:
            return tuple(int(choice) for choice in np.nanargmax(self.alphas[-1], axis=1))
        return None

    @property
    def rows(self) -> list[tuple[str, tuple[str, ...]]]:
        """Name of each row of alpha with those of its options; slots are counted from 1."""
        if self.space is None:
            return []
        found = list(self.space.option_labels)
        for i in range(len(self.space.slots)):
            found[i] = (f"slot {i + 1}", found[i][1])
        return found

    @property
    def network(self) -> Child | None:
        """The child; during a search, the most probable network so far."""
        if self.child is None and self.space is not None and self.choices is not None:
            return self.space.child(self.choices)
        return self.child

    @property
    def has_learned(self) -> bool:
        """Whether path probabilities were learned.

        They are not during a warm-up, nor by algorithms that evaluate whole networks.
        """
        if self.judged or not len(self.alphas):
            return False
        if self.child is not None:
            return True
        return not np.array_equal(self.alphas[0], self.alphas[-1], equal_nan=True)

    @property
    def recipe(self) -> str | None:
        """The main recipe: the pipeline's, else the latency model's, else the first."""
        if self.summary is not None:
            return self.summary.recipe
        preset = self.config.get("pipeline", {}).get("preset", {})
        wanted = preset.get("recipe")
        if wanted in (None, "fastest"):  # Chosen by the pipeline, which then measures that recipe.
            wanted = self.latency.recipe if self.latency else None
        if wanted is None or (self.parities and wanted not in self.parities):
            return next(iter(self.parities), wanted)
        return wanted

    @property
    def parity(self) -> parity_record.Record | None:
        """The comparison of the main recipe with Keras."""
        return self.parities.get(self.recipe or "")

    @property
    def predicted_ms(self) -> float | None:
        """Latency of the child as predicted by the latency model."""
        if self.summary is not None:
            return self.summary.predicted_latency_ms
        if self.latency is not None and self.latency.costs and self.child is not None:
            return self.latency.costs.of(self.choices or ())
        return self.found.predicted_latency_ms if self.found else None

    @property
    def target_ms(self) -> float | None:
        """The target in milliseconds; None if there is none or it is not a latency."""
        return self.target if self.target and self.quantity == "latency_ms" else None

    @property
    def target_name(self) -> str:
        """`limit` if the target is a limit: by flag, or if the search evaluates networks."""
        return "limit" if self.settings.get("is_limit") or self.judged else "target"

    @property
    def best_measured_ms(self) -> float | None:
        """Measured latency of the main recipe."""
        return self.measured_ms.get(self.recipe or "")

    @property
    def params(self) -> int | None:
        """Trainable parameters of the network."""
        return counting.num_params(self.network) if self.network else None

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of the network for one image."""
        return counting.num_macs(self.network) if self.network else None

    @property
    def search_epochs(self) -> int | None:
        """Number of epochs of the whole search, including its warm-up."""
        if "epochs" not in self.settings:
            return None
        return int(self.settings["epochs"]) + self.warmup_epochs

    @property
    def warmup_epochs(self) -> int:
        """Number of search epochs that train only weights."""
        return int(self.settings.get("warmup_epochs", 0))

    @property
    def device(self) -> str | None:
        """The most precise known name of the device."""
        if self.latency is None:
            return None
        environment = self.latency.environment
        known = [environment.get("model"), environment.get("soc")]
        name = ", ".join(str(part) for part in known if part)
        return name or str(environment.get("device"))

"""The pipeline's stages in their order, and the summary at the end."""

import dataclasses
import functools
import pathlib
from typing import Any

import latency_models
from export import exporting, recipes
from latency_models import block_benchmarks, measurements
from latency_models.lookup_table import LookupTable
from nas import files, spaces, training
from nas.dataset import Dataset
from nas.objectives import Latencies
from nas.specs import Child, SearchSpace
from tools import console, presets, stages
from tools.workdir import WorkDir


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a pipeline is asked to do.

    Attributes:
        preset: the experiment.
        data_dir: TFDS folder; None for TFDS' own default.
        device: name of the device.
        num_threads: threads of the interpreter.
        target_latency_ms: instead of the preset's relative target; None for the latter.
        seed: of everything random.
        max_train_examples: 0 for all.
    """

    preset: presets.Preset
    data_dir: str | None
    device: str
    num_threads: int
    target_latency_ms: float | None
    seed: int
    max_train_examples: int


class Pipeline:
    """Runs the stages that are not finished.

    Args:
        settings: what to do.
        stages_of: the entered work dir; remembers what is finished.
        path: the work dir's path.
    """

    def __init__(self, settings: Settings, stages_of: WorkDir, path: pathlib.Path) -> None:
        self._settings = settings
        self._preset = settings.preset
        self._stages_of = stages_of
        self._path = path

    def run(self) -> None:
        """Everything, in order."""
        self._check()
        preset = self._preset
        self._stage("data", "Data", self._prepare_data, [])
        self._stage(
            "benchmark",
            f"Latency of the blocks ({preset.recipe}, {self._settings.device})",
            self._benchmark,
            ["measurements.jsonl"],
        )
        self._stage("fit", "Latency model", self._fit, ["latency_model.json"])
        self._stage(
            "search", "Search", self._search, ["space.json", "child.json", "search/alphas.npz"]
        )
        self._stage("train", "Training the child from scratch", self._train, ["child.keras"])
        exported = [exporting.tflite_path(self._path, name).name for name in preset.recipes]
        exported += [exporting.parity_path(self._path, name).name for name in preset.recipes]
        self._stage("export", "Export", self._export, exported)
        self._stage("measure", "Latency of the exported files", self._measure, [])
        self._summarize()

    def _stage(self, name: str, title: str, action: Any, outputs: list[str]) -> None:
        console.title(title)
        if not self._stages_of.stage(name, action, outputs):
            console.say("  finished before")
        else:
            console.say(f"  {console.duration(self._stages_of.stage_seconds[name])}")

    def _check(self) -> None:
        """Refuses what would fail later, before anything is done."""
        if self._preset.recipe not in self._preset.recipes:
            recipes.recipe(self._preset.recipe)
            self._preset = dataclasses.replace(
                self._preset, recipes=(self._preset.recipe, *self._preset.recipes)
            )
        for name in self._preset.recipes:
            recipes.recipe(name)
        spaces.load_space(self._preset.space)
        _ = self._device

    @functools.cached_property
    def _device(self) -> Any:
        return latency_models.device(self._settings.device, self._settings.num_threads)

    @functools.cached_property
    def _dataset(self) -> Dataset:
        return stages.load_dataset(
            self._preset.dataset,
            self._settings.data_dir,
            seed=self._settings.seed,
            validation_size=self._preset.validation_size,
            max_train_examples=self._settings.max_train_examples,
        )

    @functools.cached_property
    def _space(self) -> SearchSpace:
        return stages.for_dataset(spaces.load_space(self._preset.space), self._dataset)

    @functools.cached_property
    def _table(self) -> LookupTable:
        return latency_models.load(self._path / "latency_model.json")

    @functools.cached_property
    def _latencies(self) -> Latencies:
        return stages.latencies_of(self._table, self._space)

    @property
    def _child(self) -> Child:
        return spaces.load_child(str(self._path / "child.json"))

    @property
    def _target_ms(self) -> float:
        if self._settings.target_latency_ms is not None:
            return self._settings.target_latency_ms
        fastest, slowest = self._latencies.fastest_ms, self._latencies.slowest_ms
        return fastest + self._preset.target_latency * (slowest - fastest)

    def _prepare_data(self) -> None:
        dataset = self._dataset
        console.say(
            f"  {dataset.name}: {len(dataset.train):,} images for weights, "
            f"{len(dataset.validation):,} for the architecture, {len(dataset.test):,} for the test"
        )

    def _benchmark(self) -> None:
        block_benchmarks.benchmark_space(
            self._space,
            self._preset.recipe,
            self._device,
            self._path / "measurements.jsonl",
            networks=self._preset.networks,
            seed=self._settings.seed,
            progress=stages.track,
        )

    def _fit(self) -> None:
        rows = measurements.read(self._path / "measurements.jsonl")
        environment = self._device.environment()
        rows = [row for row in rows if row.is_for(self._preset.recipe, environment)]
        table = LookupTable().fit(rows, self._space)
        table.save(self._path / "latency_model.json")
        networks = table.evaluation_["networks"]
        console.say(
            f"  {len(table.entries_)} blocks; on {networks['count']} whole networks, each left "
            f"out in turn: error {100 * networks['mape']:.1f} %, "
            f"rank correlation {networks['kendall_tau']:.2f}"
        )

    def _search(self) -> None:
        latencies, target_ms = self._latencies, self._target_ms
        console.say(
            f"  {self._space.cardinality:,} networks from {latencies.fastest_ms:.3g} to "
            f"{latencies.slowest_ms:.3g} ms; target {target_ms:.3g} ms"
        )
        config = dataclasses.replace(
            self._preset.search, target_latency_ms=target_ms, seed=self._settings.seed
        )
        stages.run_search(self._space, self._dataset, latencies, config, self._path)
        child = self._child
        console.say(f"  found: {stages.describe(child)}")
        console.say(f"  predicted {self._table.predict(child):.3g} ms")

    def _train(self) -> None:
        config = dataclasses.replace(self._preset.train, seed=self._settings.seed)
        accuracy = stages.run_train(self._child, self._dataset, config, self._path)
        console.say(f"  test accuracy {100 * accuracy:.2f} %")

    def _export(self) -> None:
        stages.run_export(self._preset.recipes, self._dataset, self._settings.seed, self._path)

    def _measure(self) -> None:
        stages.measure_exports(self._preset.recipes, self._device, self._path)

    def _summarize(self) -> None:
        names = self._preset.recipes
        child, recipe = self._child, self._preset.recipe
        measured = stages.measured_exports(names, self._table.reference_ms_, self._path)
        parities = {n: files.read_json(exporting.parity_path(self._path, n)) for n in names}
        predicted_ms = self._table.predict(child)
        seconds = self._stages_of.stage_seconds
        summary = {
            "schema_version": 1,
            "space": self._space.name,
            "dataset": self._preset.dataset,
            "algorithm": self._preset.search.algorithm,
            "seed": self._settings.seed,
            "device": self._settings.device,
            "recipe": recipe,
            "num_threads": self._settings.num_threads,
            "target_latency_ms": self._target_ms,
            "predicted_latency_ms": predicted_ms,
            "measured_latency_ms": measured[recipe],
            **stages.size_of(child),
            "test_accuracy": parities[names[0]]["accuracy_keras"],
            "test_accuracy_by_recipe": {n: parities[n]["accuracy_tflite"] for n in names},
            "latency_ms_by_recipe": measured,
            "size_bytes_by_recipe": {n: parities[n]["size_bytes"] for n in names},
            "search_seconds": seconds["search"],
            "train_seconds": seconds["train"],
            "stage_seconds": seconds,
            "provenance": files.provenance(),
        }
        files.write_json(self._path / "summary.json", summary)
        self._print(summary)

    def _print(self, summary: dict[str, Any]) -> None:
        console.title("Summary")
        target, predicted = summary["target_latency_ms"], summary["predicted_latency_ms"]
        measured = summary["measured_latency_ms"]
        error = predicted / measured - 1.0
        console.say(
            f"latency of {summary['recipe']}: target {target:.3g} ms, predicted "
            f"{predicted:.3g} ms, measured {measured:.3g} ms (prediction {100 * error:+.1f} %)"
        )
        console.say(
            f"network: {summary['params']:,} parameters, {summary['macs'] / 1e6:.2f} million MACs, "
            f"Keras test accuracy {100 * summary['test_accuracy']:.2f} %\n"
        )
        rows = [
            (
                name,
                round(100 * summary["test_accuracy_by_recipe"][name], 2),
                summary["latency_ms_by_recipe"][name],
                round(summary["size_bytes_by_recipe"][name] / 1000, 1),
            )
            for name in summary["test_accuracy_by_recipe"]
        ]
        console.say(console.table(["recipe", "accuracy %", "latency ms", "size kB"], rows))
        console.say()
        spent = summary["stage_seconds"]
        rows = [(name, console.duration(seconds)) for name, seconds in spent.items()]
        rows.append(("total", console.duration(sum(spent.values()))))
        console.say(console.table(["stage", "time"], rows))
        console.say(f"\nall files are in {self._path}")

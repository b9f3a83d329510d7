"""Runs the pipeline's stages in order."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import latency_models
from latency_models.models.fitted import LatencyModel
from nas import class_scores
from nas.architecture import spaces
from nas.architecture.specs import Child, SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.data.splits.dataset import Dataset
from nas.distribution.hosts import Distribution
from nas.pretrained import initial
from tools.reporting import page
from tools.terminal import console, pipeline_summary
from tools.workflow import exported_files, stages
from tools.workflow.pipeline import (
    data,
    fastest_recipe,
    fixed_network,
    given_network,
    latency,
    record,
    searching,
    training,
)
from tools.workflow.pipeline.settings import FASTEST, Settings
from tools.workflow.workdir import WorkDir

T = TypeVar("T")


class Pipeline:
    """Runs the stages that are not finished.

    Args:
        settings: the checked settings.
        work_dir: the entered work dir; it records which stages are finished.
        path: the work dir's path.
        tensorboard: whether search and training write curves.
        replicas: the devices of this host that search and train; default one.
    """

    def __init__(
        self,
        settings: Settings,
        work_dir: WorkDir,
        path: pathlib.Path,
        tensorboard: bool = True,
        replicas: Distribution | None = None,
    ) -> None:
        """Stores the arguments."""
        self._settings = settings
        self._preset = settings.preset
        self._work_dir = work_dir
        self._path = path
        self._tensorboard = tensorboard
        self._replicas = replicas

    def run(self) -> None:
        """Runs all stages in order."""
        preset = self._preset
        console.title("Data")
        # The images are read even if this stage is finished, since all later stages need them.
        splits = stages.record_splits(self._dataset, self._path)
        show = functools.partial(data.show, self._settings, self._dataset)
        self._stage("data", None, show, splits, splits)
        if preset.recipe == FASTEST:
            self._choose_recipe()
            preset = self._preset
        if preset.child is None:
            self._find_child()
        else:
            if self._settings.chooses_resolution:
                title = f"Latency of {preset.child} ({preset.recipe}, {self._settings.device})"
                self._stage(
                    "resolution",
                    title,
                    lambda: given_network.show(self._resolution_times),
                    ["measurements.jsonl"],
                )
            self._stage("child", "Network", self._take_child, ["child.json"], _files(preset.child))
        self._stage(
            "train",
            f"Training the child from {training.origin(self._settings)}",
            self._train,
            ["child.keras", "train/metrics.jsonl"],
            ["child.json", *training.input_files(self._settings)],
        )
        written = functools.partial(record.exported, self._path, preset.recipes)
        self._stage("export", "Export", self._export, written, ["child.keras"])
        failed = record.failed_recipes(self._path, preset.recipes)
        networks = [name for name in written() if name.endswith(".tflite")]
        if not networks:
            raise ValueError(record.failure(failed))
        self._stage("measure", "Latency of the exported files", self._measure, [], networks)
        if self._fixed is not None:
            title = f"The fixed network: {self._fixed.name} at {self._fixed.resolution} pixels"
            train = functools.partial(self._train_fixed, self._fixed)
            weights = initial.input_files(preset.init)
            self._stage("fixed", title, train, fixed_network.OUTPUTS, weights)
        summary = self._summarize(failed)
        read = ["summary.json", "latency_model.json", "child.json"]
        read += [name for name in written() if name.startswith("parity_")]
        read += ["search/alphas.npz", "search/metrics.jsonl", "train/metrics.jsonl"]
        self._stage("report", "Report", self._report, ["report/index.html"], read)
        pipeline_summary.show(summary, self._path)
        if failed:
            raise ValueError(f"{record.failure(failed)}; all other files are there")

    def _choose_recipe(self) -> None:
        """Finds the fastest recipe and aims at it."""
        title = f"The fastest recipe ({', '.join(self._preset.recipes)}; {self._settings.device})"
        asked = (self._settings, self._dataset, self._device, self._path)
        choose = functools.partial(fastest_recipe.choose, *asked)
        self._stage("recipe", title, choose, [fastest_recipe.FILE])
        self._settings = fastest_recipe.decided(self._settings, self._path)
        self._preset = self._settings.preset

    def _find_child(self) -> None:
        """Measures the blocks, fits the latency model and searches."""
        preset = self._preset
        self._stage(
            "benchmark",
            f"Latency of the blocks ({preset.recipe}, {self._settings.device})",
            self._benchmark,
            ["measurements.jsonl"],
            _files(preset.space),
        )
        self._stage("fit", "Latency model", self._fit, ["latency_model.json"])
        searching.check_target(self._latencies, self._target_ms, self._path)
        self._stage(
            "search",
            "Search",
            self._search,
            ["space.json", "child.json", "search/alphas.npz", "search/metrics.jsonl"],
            ["latency_model.json", *initial.input_files(preset.search.init)],
        )

    def _stage(
        self,
        name: str,
        title: str | None,
        action: Callable[[], None],
        outputs: Sequence[str] | Callable[[], Sequence[str]],
        inputs: Sequence[str] = (),
    ) -> None:
        if title is not None:
            console.title(title)
        if not self._work_dir.stage(name, action, outputs, inputs):
            console.say("  finished before")
        else:
            console.say(f"  {console.duration(self._work_dir.stage_seconds[name])}")

    @functools.cached_property
    def _device(self) -> Any:
        return latency_models.device(
            self._settings.device, self._settings.num_threads, self._settings.phone
        )

    @functools.cached_property
    def _dataset(self) -> Dataset:
        return data.load_dataset(self._settings)

    @functools.cached_property
    def _child_dataset(self) -> Dataset:
        """The data set at the child's resolution, which a search may have chosen."""
        return self._dataset_at(self._child.resolution)

    def _dataset_at(self, resolution: int) -> Dataset:
        if resolution == self._dataset.resolution:
            return self._dataset
        return data.load_dataset(self._settings, resolution=resolution)

    @functools.cached_property
    def _space(self) -> SearchSpace:
        return stages.for_dataset(spaces.load_space(self._preset.space), self._dataset)

    @functools.cached_property
    def _latency_model(self) -> LatencyModel:
        return self._read("latency_model.json", latency_models.load)

    @functools.cached_property
    def _latencies(self) -> ChainCosts:
        return self._latency_model.costs(self._space)

    @property
    def _child(self) -> Child:
        return self._read("child.json", spaces.load_child)

    def _read(self, name: str, load: Callable[[str], T]) -> T:
        try:
            return load(str(self._path / name))
        except ValueError as error:
            raise ValueError(
                f"{error}; or delete it and run the same command again to make it anew"
            ) from error

    @property
    def _target_ms(self) -> float:
        if self._settings.target_latency_ms is not None:
            return self._settings.target_latency_ms
        return self._latencies.at(self._preset.target_latency)

    def _benchmark(self) -> None:
        latency.benchmark(self._settings, self._space, self._device, self._path)

    def _fit(self) -> None:
        latency.fit(self._settings, self._space, self._device, self._path)

    def _search(self) -> None:
        asked = (self._settings, self._space, self._dataset, self._latency_model, self._latencies)
        searching.run(*asked, self._target_ms, self._path, self._tensorboard, self._replicas)

    def _take_child(self) -> None:
        chosen = self._settings.chooses_resolution
        times = self._resolution_times if chosen else None
        given_network.take(self._settings, self._dataset, times, self._path)

    @property
    def _resolution_times(self) -> dict[int, float]:
        return given_network.time_resolutions(
            self._settings, self._dataset, self._device, self._path
        )

    def _train(self) -> None:
        config, initial = training.beginning(self._settings, self._child, self._path)
        found = stages.run_train(
            self._child,
            self._child_dataset,
            config,
            self._path,
            self._replicas,
            self._tensorboard,
            initial=initial,
        )
        console.say(f"  test accuracy {100 * found.accuracy:.2f} %")
        console.say(f"  {class_scores.sentence(found.to_dict(self._dataset.class_names))}")

    def _export(self) -> None:
        dataset, seed = self._child_dataset, self._settings.seed
        failed: dict[str, str] = {}
        stages.run_export(self._preset.recipes, dataset, seed, self._path, failed)
        record.write_failed(self._path, failed)

    def _measure(self) -> None:
        # `--device=adb` may mean another phone by now.
        if self._preset.child is None:
            self._latency_model.check(
                device=self._device.name,
                recipe=self._preset.recipe,
                num_threads=self._settings.num_threads,
            )
        failed = record.failed_recipes(self._path, self._preset.recipes)
        names = [name for name in self._preset.recipes if name not in failed]
        exported_files.measure_exports(names, self._device, self._path)

    @functools.cached_property
    def _fixed(self) -> Child | None:
        if not fixed_network.is_compared(self._settings):
            return None
        found = fixed_network.within(
            self._space, self._latencies, self._target_ms, self._preset.init
        )
        # The search may have chosen the pretrained network itself.
        is_found = found and dataclasses.replace(found, name=self._child.name) == self._child
        return None if is_found else found

    def _train_fixed(self, child: Child) -> None:
        dataset = self._dataset_at(child.resolution)
        fixed_network.run(self._settings, child, dataset, self._device, self._path, self._replicas)

    def _report(self) -> None:
        page.write([str(self._path)])

    def _summarize(self, failed: Mapping[str, str]) -> dict[str, Any]:
        searched = None
        if self._preset.child is None:
            searched = record.Searched(
                self._space, self._latency_model, self._latencies, self._target_ms, self._fixed
            )
        # The report reads the summary, so the summary cannot contain the report's own seconds.
        seconds = {k: v for k, v in self._work_dir.stage_seconds.items() if k != "report"}
        # After a search the latency model names the device, which need not be there any more.
        device = None if searched else self._device.name
        return record.write(
            self._settings, self._child, searched, device, seconds, self._path, failed
        )


def _files(name: str) -> list[str]:
    """The absolute path of `name` if it is a .json file; empty for built-in names."""
    return [os.path.abspath(name)] if name.endswith(".json") else []

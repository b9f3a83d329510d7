"""What a user has without a search: the pretrained network itself, trained and measured alike.

Its resolution is the largest of the space's whose predicted latency meets the target. Its files lie
in the work dir's folder `fixed`.
"""

import pathlib
from typing import Any

from export import exporting
from export.checks import parity_record
from latency_models import Device
from nas import files
from nas.architecture import spaces, spec_json
from nas.architecture.specs import Child, SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.data.splits.dataset import Dataset
from nas.distribution.hosts import Distribution
from nas.pretrained import init_names, seeds
from tools.workflow import exported_files, stages
from tools.workflow.pipeline import training
from tools.workflow.pipeline.settings import Settings

FOLDER = "fixed"
_CHILD = f"{FOLDER}/child.json"
OUTPUTS = [_CHILD, f"{FOLDER}/child.keras"]


def is_compared(settings: Settings) -> bool:
    """Whether a run has a fixed network: a search that began with a pretrained one."""
    preset = settings.preset
    return preset.child is None and init_names.is_pretrained(preset.init)


def within(space: SearchSpace, costs: ChainCosts, target_ms: float, init: str) -> Child | None:
    """Returns the pretrained network at the largest resolution that meets the target.

    None if it meets the target at no resolution of the space; 0 is no target.

    Args:
        space: the space, for its data set.
        costs: predicted latencies of its networks.
        target_ms: the target in milliseconds.
        init: what the search began with.
    """
    seed = seeds.load(init, space).weights.child
    for resolution in sorted(space.resolutions, reverse=True):
        sized = seed.with_task(space.num_classes, resolution, space.input_channels)
        if not target_ms or costs.of(space.choices(sized)) <= target_ms:
            return sized
    return None


def run(
    settings: Settings,
    child: Child,
    dataset: Dataset,
    device: Device,
    workdir: pathlib.Path,
    replicas: Distribution | None = None,
) -> None:
    """Trains, exports and times the fixed network.

    Args:
        settings: the settings of the pipeline.
        child: the network, from `within`.
        dataset: the data set at its resolution.
        device: the device to time on.
        workdir: the work dir of the run.
        replicas: the devices to train on; default one.
    """
    path, preset = workdir / FOLDER, settings.preset
    content = {**spec_json.to_dict(child), "provenance": files.provenance()}
    files.write_json(workdir / _CHILD, content)
    config, begun = training.from_seed(settings, child)
    stages.run_train(child, dataset, config, path, replicas, False, begun)
    failed: dict[str, str] = {}
    stages.run_export((preset.recipe,), dataset, settings.seed, path, failed)
    if not failed:
        exported_files.measure_exports((preset.recipe,), device, path)


def summary(
    settings: Settings, predicted_ms: float, reference_ms: float | None, workdir: pathlib.Path
) -> dict[str, Any]:
    """Returns the fields of `fixed_network` in `summary.json`.

    Args:
        settings: the settings of the pipeline.
        predicted_ms: its predicted latency.
        reference_ms: as for `exported_files.measured_exports`.
        workdir: the work dir of the run.
    """
    path, recipe = workdir / FOLDER, settings.preset.recipe
    child = spaces.load_child(str(workdir / _CHILD))
    found = {
        "name": child.name,
        "resolution": child.resolution,
        "predicted_latency_ms": predicted_ms,
        **stages.size_of(child),
    }
    compared = exporting.parity_path(path, recipe)
    # A file that misses the recipe's limit is not written.
    parity = parity_record.read(compared) if compared.exists() else None
    return found | {
        "measured_latency_ms": parity
        and exported_files.measured_exports((recipe,), reference_ms, path).get(recipe),
        "test_accuracy": parity and parity.accuracy_keras,
        "test_accuracy_tflite": parity and parity.accuracy_tflite,
    }

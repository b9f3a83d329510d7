"""The dry run of a pipeline: which stages are left, which files they write and the time needed."""

from collections.abc import Mapping

import latency_models
from nas.architecture import spaces
from nas.architecture.specs import SearchSpace
from nas.choices.chain_costs import ChainCosts
from nas.data import batching
from nas.distribution.hosts import Distribution
from nas.searching import search
from tools.terminal import console
from tools.workflow import image_regime, search_plan, stages, target_range
from tools.workflow.pipeline import data, fastest_recipe, fixed_network
from tools.workflow.pipeline.settings import FASTEST, Settings
from tools.workflow.workdir import WorkDir

# The stages in order, and the files that each writes.
STAGES = {
    "data": "",
    "benchmark": "measurements.jsonl",
    "fit": "latency_model.json",
    "search": "space.json, child.json, search/",
    "train": "child.keras, train/",
    "export": "child_<recipe>.tflite, parity_<recipe>.json",
    "measure": "rows of measurements.jsonl; then summary.json",
    "report": "report/index.html",
}
# The same, if the search begins with a pretrained network.
PRETRAINED_STAGES = {
    **{name: written for name, written in STAGES.items() if name != "report"},
    "fixed": "fixed/",
    "report": STAGES["report"],
}
# The stages if a given child is trained without a search.
CHILD_STAGES = {
    "data": "",
    "child": "child.json",
    **{name: STAGES[name] for name in ("train", "export", "measure", "report")},
}
# The same, if a target says which resolution the child has.
SIZED_CHILD_STAGES = {
    "data": "",
    "resolution": "rows of measurements.jsonl",
    **CHILD_STAGES,
}
_FINISHED = "finished before"


def rows(directory: WorkDir, written_by: Mapping[str, str] = STAGES) -> list[tuple[str, str, str]]:
    """Name, state and files of each stage."""
    found = []
    is_done = True
    for name, written in written_by.items():
        # When a stage runs, all stages after it run again.
        is_done = is_done and directory.finished(name)
        found.append((name, _FINISHED if is_done else "to do", written))
    return found


def _measured(space: SearchSpace, directory: WorkDir) -> ChainCosts | None:
    """Latencies of the networks of `space`, if the work dir has a model of them."""
    path = directory.path / STAGES["fit"]
    if not directory.finished("fit") or not path.exists():
        return None
    return latency_models.load(str(path)).costs(space)


def show(settings: Settings, directory: WorkDir) -> None:
    """Times a few steps and prints the plan; writes nothing.

    Args:
        settings: the checked settings.
        directory: the work dir, which need not exist.

    Raises:
        ValueError: the work dir belongs to a pipeline with other flags, or the data set is not
            prepared or too small.
    """
    owner = directory.inspect()
    dataset = data.load_dataset(settings, prepare=False)
    preset = settings.preset
    console.title("Plan (nothing is written)")
    of_child = SIZED_CHILD_STAGES if settings.chooses_resolution else CHILD_STAGES
    of_search = PRETRAINED_STAGES if fixed_network.is_compared(settings) else STAGES
    written = of_search if preset.child is None else of_child
    if settings.preset.recipe == FASTEST:
        written = {"data": "", "recipe": fastest_recipe.FILE, **written}
        preset = fastest_recipe.decided(settings, directory.path).preset
    listed = rows(directory, written)
    console.say(console.table(["stage", "state", f"writes in {directory.path}"], listed))
    console.say()
    if owner is not None:
        search_plan.say("state", f"in use by process {owner}: the command would be refused")
    steps = batching.steps_per_epoch(dataset.train_and_validation, preset.train.batch_size)
    training = f"{preset.train.epochs} epochs of {steps:,} steps of {preset.train.batch_size}"
    if preset.child is not None:
        search_plan.say("child", preset.child)
        search_plan.say("data", search_plan.data_text(dataset))
        search_plan.say("images", image_regime.text(dataset, preset.init))
        search_plan.say("training", training)
        return
    space = stages.for_dataset(spaces.load_space(preset.space), dataset)
    aimed = settings.target_latency_ms
    recipe = "the fastest recipe" if preset.recipe == FASTEST else preset.recipe
    where = f"{recipe} on {settings.device}, {settings.num_threads} thread(s)"
    costs = _measured(space, directory)
    if costs is not None:
        target = costs.at(preset.target_latency) if aimed is None else aimed
        search_plan.say("cost", f"{target_range.range_text(costs, target)}; {where}")
        notes = target_range.notes(space, costs, target)
    else:
        search_plan.say(
            "cost",
            f"latency of {where}, "
            + (
                f"target {console.compact(aimed)} ms"
                if aimed is not None
                else f"target {100 * preset.target_latency:g} % of the way from the space's "
                "fastest network to its slowest; its milliseconds are known once blocks are "
                "measured"
            ),
        )
        warned = target_range.caution(space, preset.target_latency) if aimed is None else None
        notes = {"caution": warned} if warned else {}
    for name, text in notes.items():
        search_plan.say(name, text)
    task, algorithm = search.prepare(space, dataset, None, preset.search, Distribution())
    search_plan.say("space", search_plan.space_text(space))
    search_plan.say("data", search_plan.data_text(dataset))
    search_plan.say("images", image_regime.text(dataset, preset.init))
    search_plan.say("search", search_plan.schedule_text(task))
    search_plan.say("training", training)
    if owner is not None or all(state == _FINISHED for _, state, _ in listed):
        return
    trial = search_plan.say_trial(task, algorithm, 0)
    if trial is not None:
        images = preset.train.epochs * steps * preset.train.batch_size
        seconds = images * trial.weight_step_seconds / preset.search.batch_size
        search_plan.say(
            "then",
            f"about {console.duration(seconds)} for the training, if the child takes as long per "
            "image as the supernet; measuring and exporting take more time",
        )

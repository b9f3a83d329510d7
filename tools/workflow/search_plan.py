"""The dry run of a search: its size, its time and memory, and the files it would write."""

import textwrap

from nas.architecture import counting
from nas.architecture.specs import SearchSpace
from nas.choices import space_costs
from nas.data import batching
from nas.data.splits.dataset import Dataset
from nas.searching import algorithms, finalists
from nas.searching.algorithms import Task
from nas.training import checkpoints
from tools.terminal import console, notation
from tools.workflow import image_regime, target_range, trial_steps
from tools.workflow.workdir import WorkDir

_COLUMNS = 80
_INDENT = 10


def show(task: Task, algorithm: algorithms.Algorithm, directory: WorkDir, measured: bool) -> None:
    """Times a few steps and prints the plan; writes nothing.

    Args:
        task: the checked search; its directory is `search/` of the work dir.
        algorithm: the search algorithm.
        directory: the work dir, which need not exist.
        measured: whether `task.latencies` come from a latency model.

    Raises:
        ValueError: the work dir belongs to a search with other flags.
    """
    owner = directory.inspect()
    console.title("Plan (nothing is written)")
    say("space", space_text(task.space))
    say("data", data_text(task.dataset))
    say("images", image_regime.text(task.dataset, task.config.init))
    costs, target = task.latencies, task.config.target
    say("cost", target_range.range_text(costs, target) if measured else "no target")
    for name, text in target_range.notes(task.space, costs, target).items():
        say(name, text)
    say("search", schedule_text(task))
    done, state = _state(task, directory, owner)
    if done is not None:
        say_trial(task, algorithm, done)
    say(
        "writes",
        f"in {directory.path}: config.json, stages.json, space.json, child.json; in "
        f"{directory.path / 'search'}: metrics.jsonl, alphas.npz, checkpoints/, tensorboard/",
    )
    say("state", state)


def space_text(space: SearchSpace) -> str:
    """Describes the size of a space and the range of its networks' parameters and MACs."""
    params, macs = space_costs.params_of(space), space_costs.macs_of(space)
    return (
        f"{space.name}: {pixels_text(space)} pixels, {space.num_classes} classes; "
        f"{notation.counts(space)} give {_count(space.cardinality)} networks of "
        f"{console.compact(params.fastest_ms)} to "
        f"{console.compact(params.slowest_ms)} parameters and {console.compact(macs.fastest_ms)} "
        f"to {console.compact(macs.slowest_ms)} MACs; the supernet has "
        f"{console.compact(counting.supernet_params(space))} weights"
    )


def pixels_text(space: SearchSpace) -> str:
    """Returns the resolutions of a space, for example `24x24 or 32x32`."""
    return " or ".join(f"{size}x{size}" for size in space.resolutions)


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"{number:.2g}"


def say(name: str, text: str) -> None:
    """Prints a paragraph beside its name, wrapped to 80 columns."""
    # Do not break paths.
    lines = textwrap.wrap(text, _COLUMNS - _INDENT, break_on_hyphens=False, break_long_words=False)
    for i, line in enumerate(lines):
        console.say(f"{name if not i else '':{_INDENT}}{line}")


def data_text(dataset: Dataset) -> str:
    """Describes the number of images in each split."""
    return (
        f"{dataset.name}: {len(dataset.train):,} images for weights, {len(dataset.validation):,} "
        f"for the architecture, {len(dataset.test):,} for the test"
    )


def schedule_text(task: Task) -> str:
    """Describes the algorithm, epochs and steps."""
    config = task.config
    steps = batching.steps_per_epoch(task.dataset.train, config.batch_size)
    return (
        f"{config.algorithm}: {config.warmup_epochs} epochs of warm-up and {config.epochs} of "
        f"search, {steps:,} steps of {config.batch_size} images each; "
        f"{'the estimate' if config.derive == 'estimate' else 'its own rule'} chooses the child"
    )


def _state(task: Task, directory: WorkDir, owner: str | None) -> tuple[int | None, str]:
    """Number of steps already made, or None if the command would make none; the state in words."""
    if owner is not None:
        return None, f"in use by process {owner}: the command would be refused until that ends"
    if not directory.path.exists():
        return 0, f"{directory.path} does not exist yet; the search starts at the first step"
    if directory.finished("search"):
        return None, "finished before; the command would repeat nothing"
    step, reason = checkpoints.newest_checkpoint(task.directory, task.identity)
    if reason:
        return 0, f"the search starts over, since {reason}"
    if not step:
        return 0, "no checkpoint yet; the search starts at the first step"
    return step, f"the search resumes after step {step:,}"


def say_trial(task: Task, algorithm: algorithms.Algorithm, done: int) -> trial_steps.Trial | None:
    """Times a few steps, and prints time and memory of the search from step number `done` on.

    Returns:
        Times of the steps; None for an algorithm that trains no supernet.
    """
    if not isinstance(algorithm, algorithms.SupernetAlgorithm):
        say("time", f"not estimated: {task.config.algorithm} trains networks one by one")
        return None
    trial = trial_steps.run(task, algorithm)
    config = task.config
    steps = batching.steps_per_epoch(task.dataset.train, config.batch_size)
    warmup, searching = config.warmup_epochs * steps, config.epochs * steps
    left_warmup, left_search = max(warmup - done, 0), min(searching, warmup + searching - done)
    seconds = trial.first_seconds + trial.seconds_of(left_warmup, left_search, config.arch_period)
    both = trial.both_steps_seconds
    and_alpha = f", {both:.3g} s if it also updates alpha" if both is not None else ""
    after = "" if algorithm.learns_alpha else "; evaluating networks afterwards takes more time"
    epochs = finalists.total_epochs(config.finalists, config.finalist_epochs)
    if epochs:
        lasting = epochs * steps * trial.weight_step_seconds
        after += f" and about {console.duration(lasting)} for {config.finalists} finalists"
    say(
        "time",
        f"about {console.duration(seconds)} for the search{after}. Estimated from {trial.steps} "
        f"steps on this machine as it is now: {console.duration(trial.first_seconds)} until the "
        f"first, {trial.weight_step_seconds:.3g} s per step{and_alpha}",
    )
    gpu = trial.gpu_peak_bytes
    on_gpu = f", {gpu / 2**30:.2f} GiB on the GPU" if gpu is not None else ""
    say(
        "memory",
        f"{trial.peak_bytes / 2**30:.2f} GiB{on_gpu}: peak of this process, including the images",
    )
    return trial

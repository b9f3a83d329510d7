"""What a search would do: its size, what it takes, and what it would write where."""

import textwrap

from nas.architecture import counting
from nas.architecture.specs import SearchSpace
from nas.choices.candidate_costs import Latencies
from nas.data import batching
from nas.data.splits.dataset import Dataset
from nas.searching import algorithms
from nas.searching.algorithms import Task
from nas.training import checkpoints
from tools.terminal import console
from tools.workflow import trial_steps
from tools.workflow.workdir import WorkDir

_COLUMNS = 80
_INDENT = 10


def show(task: Task, algorithm: algorithms.Algorithm, directory: WorkDir, measured: bool) -> None:
    """Prints the plan after a few steps that tell what a step takes; writes nothing.

    Args:
        task: the search, checked; its directory is `search/` of the work dir.
        algorithm: of the search.
        directory: the work dir, which need not exist.
        measured: whether `task.latencies` come from a latency model.

    Raises:
        ValueError: the work dir belongs to a search with other flags.
    """
    owner = directory.look()
    console.title("Plan (nothing is written)")
    say("space", space_text(task.space))
    say("data", data_text(task.dataset))
    say("cost", _cost_text(task.latencies, task.config.target) if measured else "no target")
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
    """Size of a space, and the range of its networks' parameters and multiply-accumulates."""
    params = Latencies(
        *counting.by_candidate(
            space, lambda block, _: counting.block_params(block), counting.num_params
        )
    )
    macs = Latencies(*counting.by_candidate(space, counting.block_macs, counting.num_macs))
    return (
        f"{space.name}: {space.resolution}x{space.resolution} pixels, {space.num_classes} classes; "
        f"{len(space.slots)} slots with {space.num_candidates} candidates make "
        f"{_count(space.cardinality)} networks of {console.compact(params.fastest_ms)} to "
        f"{console.compact(params.slowest_ms)} parameters and {console.compact(macs.fastest_ms)} "
        f"to {console.compact(macs.slowest_ms)} MACs; the supernet has "
        f"{console.compact(counting.supernet_params(space))} weights"
    )


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"{number:.2g}"


def say(name: str, text: str) -> None:
    """Prints a paragraph beside its name, within 80 columns."""
    # Paths stay whole.
    lines = textwrap.wrap(text, _COLUMNS - _INDENT, break_on_hyphens=False, break_long_words=False)
    for i, line in enumerate(lines):
        console.say(f"{name if not i else '':{_INDENT}}{line}")


def data_text(dataset: Dataset) -> str:
    """Number of images of each part."""
    return (
        f"{dataset.name}: {len(dataset.train):,} images for weights, {len(dataset.validation):,} "
        f"for the architecture, {len(dataset.test):,} for the test"
    )


def _cost_text(latencies: Latencies, target: float) -> str:
    kind, unit = latencies.quantity.removesuffix("_ms"), latencies.unit
    least, most = console.compact(latencies.fastest_ms), console.compact(latencies.slowest_ms)
    aimed = f"target {console.compact(target)} {unit}" if target else "no target"
    return f"{kind} from {least} to {most} {unit}, {aimed}"


def schedule_text(task: Task) -> str:
    """The algorithm, epochs and steps."""
    config = task.config
    steps = batching.steps_per_epoch(task.dataset.train, config.batch_size)
    return (
        f"{config.algorithm}: {config.warmup_epochs} epochs of warm-up and {config.epochs} of "
        f"search, {steps:,} steps of {config.batch_size} images each"
    )


def _state(task: Task, directory: WorkDir, owner: str | None) -> tuple[int | None, str]:
    """Steps that would not be made again, None where none would be made; the same in words."""
    if owner is not None:
        return None, f"in use by process {owner}: the command would be refused until that ends"
    if not directory.path.exists():
        return 0, f"{directory.path} does not exist yet; it starts at the first step"
    if directory.finished("search"):
        return None, "finished before; the command would repeat nothing"
    step, reason = checkpoints.newest_checkpoint(task.directory, task.identity)
    if reason:
        return 0, f"it starts over, since {reason}"
    if not step:
        return 0, "no checkpoint yet; it starts at the first step"
    return step, f"it goes on after step {step:,}"


def say_trial(task: Task, algorithm: algorithms.Algorithm, done: int) -> trial_steps.Trial | None:
    """Makes a few steps, and prints time and memory of the search from step number `done` on.

    Returns:
        What the steps took; None for an algorithm that trains no supernet.
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
    and_alpha = f", {both:.3g} s where alpha learns too" if both is not None else ""
    after = "" if algorithm.learns_alpha else "; judging networks afterwards comes on top"
    say(
        "time",
        f"about {console.duration(seconds)} for the search{after}. {trial.steps} steps were made "
        f"to see, on this machine as it is now: {console.duration(trial.first_seconds)} until the "
        f"first, {trial.weight_step_seconds:.3g} s a step{and_alpha}",
    )
    gpu = trial.gpu_peak_bytes
    on_gpu = f", {gpu / 2**30:.2f} GiB on the GPU" if gpu is not None else ""
    say(
        "memory",
        f"{trial.peak_bytes / 2**30:.2f} GiB{on_gpu}: the most this process has taken, the images "
        "included",
    )
    return trial

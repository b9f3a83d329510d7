"""Times the supernet's steps and those of the released PyTorch code, in turn, on this machine.

    git clone https://github.com/mit-han-lab/proxylessnas reference
    python -m venv torch && torch/bin/pip install torch numpy pyyaml
    python -m tools.compare_reference --reference=reference --reference_python=torch/bin/python \
        --output=reference.json

The space is `proxyless_imagenet`. On both sides every step samples a new path.
"""

import contextlib
import functools
import pathlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

from absl import flags

from tools.terminal import console

_REFERENCE = flags.DEFINE_string("reference", None, "Checkout of proxylessnas.", required=True)
_PYTHON = flags.DEFINE_string(
    "reference_python", None, "Python with torch, numpy and PyYAML.", required=True
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 16, "Images per step.", lower_bound=1)
_RESOLUTION = flags.DEFINE_integer("resolution", 224, "Height and width in pixels.", lower_bound=32)
_ROUNDS = flags.DEFINE_integer(
    "rounds", 20, "Number of rounds; each round runs every step once.", lower_bound=1
)
_THREADS = flags.DEFINE_integer("num_threads", 2, "Threads on each side.", lower_bound=1)
_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the numbers.", required=True)

Step = Callable[[], float]


def main() -> None:
    """Measures, writes the file and prints the table."""
    root = pathlib.Path(_REFERENCE.value)
    if not (root / "search" / "modules" / "mix_op.py").is_file():
        raise ValueError(
            f"reference: expected a checkout of proxylessnas with search/modules/mix_op.py in it, "
            f"received {root}"
        )
    with _reference_steps(root) as (theirs, num_weights, version):
        ours = _our_steps(num_weights)
        seconds = _in_turn({f"reference_{name}": step for name, step in theirs.items()} | ours)
    _report({name: statistics.median(values) for name, values in seconds.items()}, version)


@contextlib.contextmanager
def _reference_steps(root: pathlib.Path) -> Iterator[tuple[dict[str, Step], int, str]]:
    script = pathlib.Path(__file__).parent / "experiments" / "steps" / "reference_supernet.py"
    numbers = _BATCH_SIZE.value, _RESOLUTION.value, _THREADS.value
    command = [_PYTHON.value, str(script), str(root), *map(str, numbers)]
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(tempfile.TemporaryFile("w+"))
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        except OSError as error:
            raise ValueError(f"reference_python: {_PYTHON.value} cannot be run: {error}") from error
        stack.enter_context(process)
        stack.callback(process.kill)

        def answer() -> str:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                errors.seek(0)
                *_, last = errors.read().strip().splitlines() or ["it printed no error"]
                raise ValueError(f"the reference ended early: {last}")
            return line

        def step(name: str) -> float:
            print(name, file=process.stdin, flush=True)
            return float(answer())

        num_weights, version = answer().split()
        steps: dict[str, Step] = {name: functools.partial(step, name) for name in ("weight", "two")}
        yield steps, int(num_weights), version


def _our_steps(num_weights: int) -> dict[str, Step]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(_THREADS.value)
    from nas.searching.algorithms.proxyless_gradient import TwoPathGradient
    from tools.experiments.steps import supernet_steps

    space = supernet_steps.load_space("proxyless_imagenet", _RESOLUTION.value)
    net = supernet_steps.SupernetSteps(space, _BATCH_SIZE.value)
    if net.net.num_weights != num_weights:
        raise ValueError(
            f"reference: expected a supernet of {net.net.num_weights} weights, "
            f"received one of {num_weights}"
        )
    paths = iter(supernet_steps.random_paths(space, 1 + _ROUNDS.value, 0))

    def timed(step: Callable[[], object]) -> float:
        start = time.perf_counter()
        step()
        return time.perf_counter() - start

    two = net.architecture(TwoPathGradient())
    return {"weight": lambda: timed(net.weight(next(paths))), "two": lambda: timed(two)}


def _in_turn(steps: dict[str, Step]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    with console.Progress((1 + _ROUNDS.value) * len(steps), "timing", "steps") as bar:
        for round_ in range(1 + _ROUNDS.value):
            for name, step in steps.items():
                # Idle threads of one side keep spinning for a moment and would slow the other.
                time.sleep(0.1)
                value = step()
                # The first round traces the functions and warms up.
                if round_:
                    seconds[name].append(value)
                bar.update()
    return seconds


def _report(medians: dict[str, float], version: str) -> None:
    from nas import files

    names = {"weight": "weight step", "two": "two-path architecture step"}
    ratios = {name: medians[name] / medians[f"reference_{name}"] for name in names}
    found = {
        "schema_version": 1,
        "space": "proxyless_imagenet",
        "batch_size": _BATCH_SIZE.value,
        "resolution": _RESOLUTION.value,
        "num_threads": _THREADS.value,
        "rounds": _ROUNDS.value,
        "torch_version": version,
        "weight_step_s": medians["weight"],
        "arch_two_step_s": medians["two"],
        "reference_weight_step_s": medians["reference_weight"],
        "reference_arch_two_step_s": medians["reference_two"],
        "weight_ratio_to_reference": ratios["weight"],
        "arch_two_ratio_to_reference": ratios["two"],
        "provenance": files.provenance(),
    }
    files.write_json(_OUTPUT.value, found)
    rows = [
        (text, medians[name], medians[f"reference_{name}"], ratios[name])
        for name, text in names.items()
    ]
    console.say(console.table(["median seconds", "ours", f"PyTorch {version}", "ratio"], rows))


if __name__ == "__main__":
    console.run(main)

"""Options that a user passes on to `benchmark_model`, for accelerators that we have no flag for.

They are text, as on a command line: `--use_hexagon=true --hexagon_lib_path=/data/local/tmp`. Commas
may stand between them too. Their order makes no difference, so they are kept sorted.
"""

from __future__ import annotations

import re
import shlex

# Options that the benchmark sets itself, with what to use instead.
_OURS = {
    "graph": "the models are those of --space or --models",
    "num_threads": "use --num_threads",
    "warmup_runs": "use --warmup_runs",
    "warmup_min_secs": "every sample takes as long as the device's plan says",
    "num_runs": "use --num_runs",
    "min_secs": "every sample takes as long as the device's plan says",
    "max_secs": "use --max_run_seconds",
    "use_gpu": "use --delegate=gpu",
    "use_nnapi": "use --delegate=nnapi",
    "help": "run the program by hand for its help",
}
# The same, if a delegate is given.
_OURS_WITH_DELEGATE = {
    "use_cpu": "--delegate sets it",
    "require_full_delegation": "--delegate sets it",
}
_OPTION = re.compile(r"--([A-Za-z_]\w*)(?:=(.*))?", re.DOTALL)
# Options that begin with `use_` and run the model on the CPU nevertheless.
_OF_CPU = ("use_cpu", "use_xnnpack", "use_caching", "use_profiler")
_FALSE = ("false", "0", "")


def parse(text: str, delegate: str = "none") -> dict[str, str]:
    """The options by name, sorted.

    Args:
        text: the options; nothing, or `none`, for none.
        delegate: the `delegate` of the settings.

    Raises:
        ValueError: `text` is not a list of options, names one twice, or one that the benchmark sets
            itself.
    """
    if text.strip() == "none":
        return {}
    try:
        words = shlex.split(re.sub(r",(?=\s*--)", " ", text))
    except ValueError as error:
        raise ValueError(f"benchmark_args: expected options, received {text!r}: {error}") from None
    ours = _OURS if delegate == "none" else _OURS | _OURS_WITH_DELEGATE
    found: dict[str, str] = {}
    for word in words:
        option = _OPTION.fullmatch(word)
        if option is None or not word.isprintable():
            raise ValueError(
                f"benchmark_args: expected options of the form --name=value, received {word!r}; "
                "quote values that contain spaces"
            )
        name, value = option[1], option[2]
        if name in ours:
            raise ValueError(
                f"benchmark_args: expected no option that the benchmark sets itself, received "
                f"--{name}; {ours[name]}"
            )
        if name in found:
            raise ValueError(
                f"benchmark_args: expected each option once, received --{name} twice; leave one out"
            )
        # Without a value, an option is switched on.
        found[name] = "true" if value is None else value
    return dict(sorted(found.items()))


def normal(text: str, delegate: str = "none") -> str:
    """The options as one text, which is the same for the same options.

    Raises:
        ValueError: as `parse`.
    """
    return shlex.join(f"--{name}={value}" for name, value in parse(text, delegate).items())


def asks_for_accelerator(options: dict[str, str]) -> bool:
    """Whether options ask for something other than the CPU to run the model."""
    return any(
        (name.startswith("use_") and name not in _OF_CPU and value.lower() not in _FALSE)
        or name.endswith("delegate_path")
        or name.startswith("stable_delegate")
        for name, value in options.items()
    )

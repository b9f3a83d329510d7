"""Flags of single search algorithms, for the command lines that search.

A flag that is not given leaves the setting to the command line's own default or the preset.
"""

from typing import Any

from absl import flags

from nas.searching import algorithm_names

_WIDTH = max(map(len, algorithm_names.DESCRIPTIONS))
HELP = "How to search:\n" + "\n".join(
    f"{name:{_WIDTH}}  {line}" for name, line in algorithm_names.DESCRIPTIONS.items()
)

_FLAGS = (
    flags.DEFINE_integer(
        "reinforce_networks", None, "proxyless_reinforce: networks in a step.", lower_bound=1
    ),
    flags.DEFINE_enum(
        "reward",
        None,
        ["absolute", "power"],
        "proxyless_reinforce: accuracy - 0.1 * |latency / target - 1|, the default, or "
        "accuracy * (target / latency)^0.1, which does not aim at the target.",
    ),
    flags.DEFINE_float(
        "path_dropout",
        None,
        "one_shot: how probable it is at the end that all of a slot's candidates are dropped.",
        lower_bound=0.0,
    ),
    flags.DEFINE_integer(
        "evolution_population", None, "one_shot*: networks in a generation.", lower_bound=1
    ),
    flags.DEFINE_integer("evolution_generations", None, "one_shot*: how many.", lower_bound=1),
    flags.DEFINE_integer(
        "random_networks", None, "random: how many share the epochs.", lower_bound=1
    ),
)


def given() -> dict[str, Any]:
    """The settings of `SearchConfig` that the user gave, by name."""
    return {flag.name: flag.value for flag in _FLAGS if flag.value is not None}

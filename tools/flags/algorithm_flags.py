"""Flags that only some search algorithms use, for the command lines that search.

If a flag is not given, the command line's own default or the preset decides.
"""

from collections.abc import Sequence
from typing import Any

from absl import flags

from nas.searching import algorithm_names

_WIDTH = max(map(len, algorithm_names.DESCRIPTIONS))
HELP = "Search algorithm:\n" + "\n".join(
    f"{name:{_WIDTH}}  {line}" for name, line in algorithm_names.DESCRIPTIONS.items()
)

_FLAGS = (
    flags.DEFINE_enum(
        "derive",
        None,
        ["alpha", "estimate"],
        "How the child is chosen: alpha, the default, is the algorithm's own rule (the most "
        "probable network, or evolution); estimate is what the losses of all weight steps say.",
    ),
    flags.DEFINE_integer(
        "finalists",
        None,
        "Networks that are trained a little at the end of the search, half of them dropped each "
        "time; the last is the child. 1, the default, chooses the child without.",
        lower_bound=1,
    ),
    flags.DEFINE_integer(
        "finalist_epochs",
        None,
        "Epochs of each finalist's first training, 1 by default; later ones are twice as long.",
        lower_bound=1,
    ),
    flags.DEFINE_integer(
        "reinforce_networks", None, "proxyless_reinforce: networks per step.", lower_bound=1
    ),
    flags.DEFINE_enum(
        "reward",
        None,
        ["absolute", "power"],
        "proxyless_reinforce: absolute, the default, is accuracy - 0.1 * |latency / target - 1|; "
        "power is accuracy * (target / latency)^0.1, which need not end at the target.",
    ),
    flags.DEFINE_float(
        "path_dropout",
        None,
        "one_shot: probability at the end of training that all of a slot's candidates are dropped.",
        lower_bound=0.0,
    ),
    flags.DEFINE_integer(
        "evolution_population", None, "one_shot*: networks per generation.", lower_bound=1
    ),
    flags.DEFINE_integer(
        "evolution_generations", None, "one_shot*: number of generations.", lower_bound=1
    ),
    flags.DEFINE_integer(
        "random_networks", None, "random: number of networks that share the epochs.", lower_bound=1
    ),
)


# The algorithms that use a flag, for the flags that not all of them use.
_USERS = {
    "reinforce_networks": ("proxyless_reinforce",),
    "reward": ("proxyless_reinforce",),
    "path_dropout": ("one_shot",),
    "evolution_population": ("one_shot", "one_shot_single_path"),
    "evolution_generations": ("one_shot", "one_shot_single_path"),
    "random_networks": ("random",),
}


def given(algorithm: str | None = None) -> dict[str, Any]:
    """The fields of `SearchConfig` that the user set, by name.

    Args:
        algorithm: leave out what this algorithm does not use.
    """
    found = {flag.name: flag.value for flag in _FLAGS if flag.value is not None}
    if algorithm is None:
        return found
    return {k: v for k, v in found.items() if algorithm in _USERS.get(k, (algorithm,))}


def check(algorithms: Sequence[str]) -> None:
    """Refuses a flag that none of the algorithms uses.

    Raises:
        ValueError: the message names the flag and who uses it.
    """
    set_by_user = given()
    for name in set_by_user:
        users = _USERS.get(name, tuple(algorithms))
        if not set(users) & set(algorithms):
            raise ValueError(
                f"{name}: expected it with --algorithm={' or '.join(users)} only, received it with "
                f"{', '.join(algorithms)}; leave it out"
            )
    if "finalist_epochs" in set_by_user and set_by_user.get("finalists", 1) < 2:
        raise ValueError(
            "finalist_epochs: expected it with --finalists=2 or more, received it without; leave "
            "it out"
        )

"""Flags that only some search algorithms use, for the command lines that search.

If a flag is not given, the command line's own default or the preset decides.
"""

from collections.abc import Sequence
from typing import Any

from absl import flags

from nas.searching import algorithm_names
from tools.terminal import idle_flags

_WIDTH = max(map(len, algorithm_names.DESCRIPTIONS))
HELP = "Search algorithm:\n" + "\n".join(
    f"{name:{_WIDTH}}  {line}" for name, line in algorithm_names.DESCRIPTIONS.items()
)

_FLAGS = (
    flags.DEFINE_enum(
        "derive",
        None,
        ["alpha", "estimate"],
        "How the child is chosen: alpha is the algorithm's own rule (the most probable network, or "
        "evolution); estimate is what the losses of all weight steps say, and the default in "
        "place of alpha where widths are decisions.",
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
    flags.DEFINE_float(
        "clip_norm",
        None,
        "Largest norm of the gradient of a weight step, over the sampled path; 0 for none.",
        lower_bound=0.0,
    ),
    flags.DEFINE_integer(
        "reinforce_networks", None, "proxyless_reinforce: networks per step.", lower_bound=1
    ),
    flags.DEFINE_integer(
        "reinforce_images",
        None,
        "proxyless_reinforce: images of a batch on which each network is judged; 0 is all.",
        lower_bound=0,
    ),
    flags.DEFINE_enum(
        "reward_quality",
        None,
        ["accuracy", "likelihood"],
        "proxyless_reinforce: the accuracy in a reward, or exp(-cross-entropy) in its place, of "
        "which few images say more.",
    ),
    flags.DEFINE_enum(
        "reward_baseline",
        None,
        ["average", "others"],
        "proxyless_reinforce: what rewards are compared with: a moving average, or the other "
        "networks of the same step.",
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

# For work dirs that an earlier version began, which had other defaults.
EARLIER_CLIP = "or, if an earlier version began it, say --clip_norm=0"
EARLIER_REWARDS = (
    f"{EARLIER_CLIP} --reinforce_images=0 --reward_quality=accuracy --reward_baseline=average"
)
# Names of these flags.
NAMES = tuple(flag.name for flag in _FLAGS)
# The algorithms that use a flag, for the flags that not all of them use. Commands define the first
# three themselves, if they have them.
_USERS = {
    "arch_learning_rate": algorithm_names.LEARN_ALPHA,
    "arch_period": algorithm_names.LEARN_ALPHA,
    "objective": algorithm_names.LEARN_ALPHA,
    "clip_norm": algorithm_names.HAVE_SUPERNET,
    "reinforce_networks": ("proxyless_reinforce",),
    "reinforce_images": ("proxyless_reinforce",),
    "reward": ("proxyless_reinforce",),
    "reward_quality": ("proxyless_reinforce",),
    "reward_baseline": ("proxyless_reinforce",),
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
    return {k: v for k, v in found.items() if is_used(k, algorithm)}


def is_used(name: str, algorithm: str) -> bool:
    """Whether an algorithm uses a flag."""
    return algorithm in _USERS.get(name, (algorithm,))


def check(algorithms: Sequence[str]) -> None:
    """Refuses a flag that none of the algorithms uses.

    Raises:
        ValueError: the message names the flag and who uses it.
    """
    set_by_user = given()
    idle_flags.check(
        *(
            idle_flags.Rule(
                [name],
                bool(set(users) & set(algorithms)),
                f"with --algorithm={' or '.join(users)} only",
                f"it with {', '.join(algorithms)}",
            )
            for name, users in _USERS.items()
        ),
        idle_flags.Rule(
            ["finalist_epochs"], set_by_user.get("finalists", 1) > 1, "with --finalists=2 or more"
        ),
        idle_flags.Rule(
            ["evolution_population", "evolution_generations"],
            set_by_user.get("derive") != "estimate",
            "without --derive=estimate, which takes the place of evolution",
            "both",
        ),
    )

"""Says which recipe is the fastest, and if it is another one than that aimed at."""

from collections.abc import Mapping

# Repeated measurements of one file differ by less.
NOISE = 0.02


def sentence(
    recipe: str | None,
    latency_ms_by_recipe: Mapping[str, float],
    accuracy_by_recipe: Mapping[str, float],
) -> str | None:
    """Returns a sentence about the fastest file; None if it is the one aimed at.

    Args:
        recipe: the recipe aimed at.
        latency_ms_by_recipe: measured milliseconds.
        accuracy_by_recipe: test accuracy as a fraction.
    """
    own = latency_ms_by_recipe.get(recipe or "")
    if not own:
        return None
    fastest = min(latency_ms_by_recipe, key=lambda name: latency_ms_by_recipe[name])
    latency_ms = latency_ms_by_recipe[fastest]
    if latency_ms >= own * (1.0 - NOISE):
        return None
    accuracy = accuracy_by_recipe.get(fastest)
    with_accuracy = "" if accuracy is None else f" with {100 * accuracy:.2f} % accuracy"
    return (
        f"the {fastest} file of this network is faster here than {recipe}: {latency_ms:.3g} ms "
        f"instead of {own:.3g} ms{with_accuracy}; ship that file, or search for it with "
        f"--recipe={fastest} (or --recipe=fastest) and another --workdir"
    )


def decision(recipe: str, latency_ms_by_recipe: Mapping[str, float], networks: int) -> str:
    """Returns what was found before a search, in one line.

    Args:
        recipe: the recipe that was chosen.
        latency_ms_by_recipe: mean milliseconds of the networks that were timed.
        networks: how many they were.
    """
    times = sorted(latency_ms_by_recipe.items(), key=lambda item: item[1])
    listed = ", ".join(f"{name} {ms:.3g} ms" for name, ms in times)
    count = f"{networks} networks" if networks > 1 else "the network"
    near = "" if times[0][0] == recipe else f", as fast as any within {100 * NOISE:g} %"
    return f"mean of {count}: {listed}; the recipe is {recipe}{near}"

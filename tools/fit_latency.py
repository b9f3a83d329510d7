"""Fits a latency model to the measurements of a search space.

python -m tools.fit_latency --measurements=measurements.jsonl --output=latency_model.json
"""

from absl import flags

import latency_models
from latency_models import measurements
from nas import spaces
from tools import console

_MEASUREMENTS = flags.DEFINE_string(
    "measurements", None, "File that tools.benchmark --space wrote.", required=True
)
_SPACE = flags.DEFINE_string(
    "space", None, "Search space, a name or a .json file; by default the one in the rows."
)
_RECIPE = flags.DEFINE_string("recipe", None, "Take only rows of this recipe.")
_KIND = flags.DEFINE_string("kind", "lookup_table", "Kind of latency model.")
_OUTPUT = flags.DEFINE_string("output", "latency_model.json", "File to write.")


def main() -> None:
    """Fits, writes, and prints how well networks that were held out are predicted."""
    model = latency_models.latency_model(_KIND.value)
    rows = [
        row
        for row in measurements.read(_MEASUREMENTS.value)
        if row.space and _RECIPE.value in (None, row.recipe)
    ]
    if not rows:
        raise ValueError(
            f"{_MEASUREMENTS.value}: expected rows of a search space"
            f"{f' with recipe {_RECIPE.value}' if _RECIPE.value else ''}, found none; "
            "run tools.benchmark --space"
        )
    space = measurements.measured_space(spaces.load_space(_SPACE.value or str(rows[0].space)), rows)
    model.fit(rows, space).save(_OUTPUT.value)
    scores = model.evaluation_["networks"]
    repeats = model.evaluation_["network_repeats"]
    console.say(
        f"{model.kind} of {space.name}, {model.recipe_}, {model.environment_['device']}: "
        f"{scores['count']} networks, in {_OUTPUT.value}"
    )
    tau = "-" if scores["kendall_tau"] is None else f"{scores['kendall_tau']:.2f}"
    console.say(
        f"held-out networks: mean error {100 * scores['mape']:.1f} %, within 5 % "
        f"{100 * scores['within_5']:.0f} %, Kendall tau {tau} "
        f"(measured twice they differ by {100 * repeats['mape']:.1f} %)"
    )


if __name__ == "__main__":
    console.run(main)

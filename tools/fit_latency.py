"""Fits a latency model to the measurements of a search space.

    python -m tools.fit_latency --measurements=measurements.jsonl --kind=regression \
        --output=latency_model.json

`lookup_table` covers the measured blocks only and is the more accurate for whole networks.
`regression` predicts any width and resolution, and says when it extrapolates; a space that decides
about widths or resolutions needs it, since not all of its blocks are timed. A `.png` file beside
the model plots predictions for held-out networks and parts against their measurements.

One model is fitted to rows that were measured alike. If the file has others too, the command shows
what differs, and `--device`, `--delegate`, `--num_threads`, `--recipe`, `--benchmark_args` or
`--environment` choose.
"""

import pathlib

from absl import flags

import latency_models
from latency_models.judging import doubt, evaluation_table
from latency_models.measuring import measurements
from nas import reading
from nas.architecture import spaces
from tools.flags import row_flags
from tools.terminal import console

_MEASUREMENTS = flags.DEFINE_string(
    "measurements", None, "File written by tools.benchmark --space.", required=True
)
_SPACE = flags.DEFINE_string(
    "space", None, "Search space, a name or a .json file; by default the one in the rows."
)
_KIND = flags.DEFINE_string(
    "kind",
    None,
    "lookup_table or regression; by default a lookup table, but a regression if the space decides "
    "about widths or resolutions.",
)
_OUTPUT = flags.DEFINE_string("output", "latency_model.json", "File to write.")


def main() -> None:
    """Fits and writes the model, then prints its errors on held-out measurements."""
    if _KIND.value is not None:
        latency_models.latency_model(_KIND.value)  # Reports a bad flag before the rows are read.
    if pathlib.Path(_OUTPUT.value).suffix == ".png":
        raise ValueError(
            f"output: expected a .json file, beside which the plot is a .png, received "
            f"{_OUTPUT.value}"
        )
    rows = row_flags.rows(_MEASUREMENTS.value)
    space = spaces.load_space(_SPACE.value or str(rows[0].space))
    with reading.named(_MEASUREMENTS.value):
        space = measurements.measured_space(space, rows)
        kind = _KIND.value or latency_models.suitable_kind(space)
        try:
            model = latency_models.latency_model(kind).fit(rows, space)
        except ValueError as error:
            raise ValueError(
                f"{error}{row_flags.left_out(_MEASUREMENTS.value, rows[0])}"
            ) from error
    model.save(_OUTPUT.value)
    console.say(
        f"{model.kind} of {space.name}, {model.recipe_}, {model.environment_['device']}, "
        f"{model.environment_['num_threads']} thread(s)\n"
    )
    console.say(
        console.table(evaluation_table.HEADERS, evaluation_table.rows(model.evaluation_)) + "\n"
    )
    for name, scores in model.evaluation_.items():
        console.say(f"{name.replace('_', ' ')}: {scores['method']}")
    doubted = doubt.caution(model, rows, _MEASUREMENTS.value)
    if doubted:
        console.say(f"caution: {doubted}")
    # matplotlib takes a second to import. Report a bad flag before that.
    from latency_models.judging import plots

    picture = pathlib.Path(_OUTPUT.value).with_suffix(".png")
    title = f"{model.kind} of {space.name}, {model.recipe_}, {model.environment_['device']}"
    plots.predicted_against_measured(picture, plots.of_evaluation(model.evaluation_), title)
    console.say(f"the model is in {_OUTPUT.value}, its plot in {picture}")


if __name__ == "__main__":
    console.run(main)

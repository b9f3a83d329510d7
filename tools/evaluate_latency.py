"""Evaluates a latency model on whole networks it was not fitted to, each measured twice.

    python -m tools.evaluate_latency --latency_model=latency_model.json \
        --measurements=measurements.jsonl --networks=40 --children=runs/quick/child.json

The networks are uniform draws from the space, its fastest and slowest networks by prediction, and
`--children`. The two passes show how far two measurements of one network differ; no model can be
better than that. Writes `latency_evaluation.json`, `.md` and `.png` beside the model. Run the same
command again and it measures only what is missing. Run it while nothing else runs. Without
--device it uses the device of the model, which may be a phone (docs/phones.md has its flags):

    python -m tools.evaluate_latency --latency_model=latency_model.json \
        --measurements=measurements.jsonl --benchmark_model=android_aarch64_benchmark_model
"""

import pathlib
from typing import Any

from absl import flags

import latency_models
from latency_models.judging import evaluation_table, held_out_networks
from latency_models.measuring import block_benchmarks, measurements, parts
from nas import files, reading
from nas.architecture import spaces
from tools.flags import device_flags
from tools.terminal import console

_MODEL = flags.DEFINE_string(
    "latency_model", None, "File written by tools.fit_latency.", required=True
)
_MEASUREMENTS = flags.DEFINE_string(
    "measurements", None, "Measurements that the model was fitted to.", required=True
)
_SPACE = flags.DEFINE_string(
    "space", None, "The model's search space as a .json file, unless it is built in."
)
_NETWORKS = flags.DEFINE_integer("networks", 40, "Total number of networks.", lower_bound=6)
_CHILDREN = flags.DEFINE_list(
    "children", [], "Networks to add: .json files, or names of published networks."
)
_RESOLUTION = flags.DEFINE_integer(
    "resolution",
    None,
    "Height and width in pixels; the measured resolution if not given. Others need a regression.",
    lower_bound=1,
)
_SEED = flags.DEFINE_integer("seed", 1, "Seed for the networks and the order.", lower_bound=0)
_OUTPUT = flags.DEFINE_string(
    "output", None, "JSON file to write; latency_evaluation.json beside the model by default."
)

# The goal of a lookup table on networks it was not fitted to.
_GOAL_ERROR, _GOAL_WITHIN_5 = 0.03, 0.9


def main() -> None:
    """Measures what is missing, then prints and writes the evaluation."""
    if pathlib.Path(_OUTPUT.value or "x.json").suffix in (".png", ".md", ".jsonl"):
        raise ValueError(
            "output: expected a .json file, beside which the table is a .md and the plot a .png, "
            f"received {_OUTPUT.value}"
        )
    model = latency_models.load(_MODEL.value)
    space = spaces.load_space(_SPACE.value or model.space_.split(", ")[0])
    rows = [row for row in measurements.read(_MEASUREMENTS.value) if row.space == space.name]
    with reading.named(_MEASUREMENTS.value):
        space = measurements.measured_space(space, rows)
    space = space.with_task(space.num_classes, _RESOLUTION.value, space.input_channels)
    device = device_flags.device_of(model.environment_)
    _check_environment(model.environment_, device.environment())
    given = [spaces.load_child(name) for name in _CHILDREN.value]
    children = [held_out_networks.with_task_of(space, child) for child in given]
    fitted = {row.key for row in rows if row.kind == "network"}
    groups = held_out_networks.sample(model, space, _NETWORKS.value, fitted, children, _SEED.value)
    output = pathlib.Path(
        _OUTPUT.value or pathlib.Path(_MODEL.value).with_name("latency_evaluation.json")
    )
    # Matplotlib takes a second to import. Report a bad flag before that.
    from latency_models.judging import plots

    networks = [child for members in groups.values() for child in members]
    written: dict[str, bytes] = {}
    passes = [
        block_benchmarks.benchmark_parts(
            [parts.network_part(child) for child in networks],
            space,
            model.recipe_,
            device,
            output.with_name(f"{output.stem}_pass{i}.jsonl"),
            seed=_SEED.value + i,
            progress=console.progress,
            written=written,
        )
        for i in (1, 2)
    ]
    found = held_out_networks.compare(model, groups, passes)
    files.write_json(
        output,
        {
            "schema_version": 1,
            **{name: model.to_dict()[name] for name in ("kind", "space", "recipe", "environment")},
            "evaluation": found,
            "networks": [
                {
                    "group": group,
                    "operations": [block.op.label for block in child.layers],
                    "widths": [child.stem.width, *(b.output_width for b in child.layers)],
                    "resolution": child.resolution,
                }
                for group, members in groups.items()
                for child in members
            ],
            "provenance": files.provenance(seed=_SEED.value),
        },
    )
    markdown = evaluation_table.markdown(found) + "\n"
    files.write_bytes(output.with_suffix(".md"), markdown.encode())
    title = f"{model.kind} of {space.name}, {model.recipe_}, {model.environment_['device']}"
    panels = {
        "networks not used to fit": {name: found[name]["points"] for name in groups},
        "first pass against second": {"networks": found["repeats"]["points"]},
    }
    plots.predicted_against_measured(output.with_suffix(".png"), panels, title)
    console.say(f"{title}, {device.num_threads} thread(s)\n")
    console.say(console.table(evaluation_table.HEADERS, evaluation_table.rows(found)))
    ratio = found["repeats"]["spread_over_noise"]
    if ratio is not None:
        console.say(
            f"\nthe networks differ {ratio:.0f} times as much as two measurements of one network"
        )
    console.say(f"{_verdict(found['all'])}; results are in {output}, .md and .png")


def _check_environment(expected: dict[str, Any], received: dict[str, Any]) -> None:
    different = [name for name in expected if expected[name] != received.get(name)]
    if different:
        name = different[0]
        raise ValueError(
            f"the latency model was measured with {name} {expected[name]}, received "
            f"{received.get(name)}; evaluate it on its own device, or benchmark and fit on this one"
        )


def _verdict(scores: dict[str, Any]) -> str:
    met = scores["mape"] <= _GOAL_ERROR and scores["within_5"] >= _GOAL_WITHIN_5
    return (
        f"goal (error at most {100 * _GOAL_ERROR:.0f} %, {100 * _GOAL_WITHIN_5:.0f} % within 5 %): "
        f"{'met' if met else 'missed'}"
    )


if __name__ == "__main__":
    console.run(main)

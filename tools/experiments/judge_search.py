"""Judges finished searches, and scores that need no search, by a truth.

    python -m tools.experiments.judge_search --truth=runs/truth --searches=runs/mine,runs/other

The truth is the work dir of `tools.experiments.make_truth`. The searches are work dirs of
`tools.search`, `tools.pipeline`, or single searches of `tools.compare_search`, in the same space,
for the same data set, latency model and one of its targets.

First the command says how well each score orders the truth's drawn networks: Kendall's tau with
their mean accuracies, and a 95 % interval (tools/experiments/truth/agreement.py). A search has up
to two scores: its estimate from the losses of all weight steps, and the log probability under its
alpha. Depth, MACs, parameters and work need no search. No score can be expected to pass the
ceiling, which the noise of the trainings sets (tools/experiments/truth/noise.py).

Then it trains every network that was found as often as the truth's, with the same settings and
seeds, unless it is one of them. It says how far the network is from the best of the drawn ones
(regret, in points) and how many of them are worse (percentile), with 95 % intervals. The best of
many noisy means is an overestimate; tools/experiments/truth/standing.py says how this is taken out.
The regret as it was observed stands beside it. With `--notrain` nothing is trained, and only
networks with trainings are compared.

Half of the drawn networks are there to develop with: whoever changes how networks are scored looks
at `--half=develop` meanwhile, and judges the result with `--half=report`, the default, so that it
is not fitted to the networks that judge it.

Writes `judgement_<half>.json`, and trainings, into `--workdir`, by default `judged` beside the
truth. Run the command again to resume.
"""

import pathlib
from typing import TYPE_CHECKING, Any

from absl import flags

from tools.flags import data_flags
from tools.terminal import console, idle_flags
from tools.workflow import workdir

if TYPE_CHECKING:
    from tools.experiments.truth.finished_search import FinishedSearch
    from tools.experiments.truth.judgement import Target
    from tools.experiments.truth.networks import Truth

_TRUTH = flags.DEFINE_string(
    "truth", None, "Work dir of tools.experiments.make_truth, or its truth.jsonl.", required=True
)
_SEARCHES = flags.DEFINE_list("searches", [], "Work dirs of finished searches.")
_HALF = flags.DEFINE_enum(
    "half",
    "report",
    ["develop", "report", "all"],
    "The drawn networks that judge: those with even numbers, with odd numbers, or both.",
)
_DRAWS = flags.DEFINE_integer(
    "bootstrap_draws", 1000, "Draws of networks for the intervals of Kendall's tau.", lower_bound=1
)
_TRAIN = flags.DEFINE_bool("train", True, "Train found networks as often as those of the truth.")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Folder for results and trainings; if not given, judged beside the truth."
)


def main() -> None:
    """Judges the scores, trains what is missing, and judges the found networks."""
    trains = bool(_SEARCHES.value) and _TRAIN.value
    idle_flags.check(
        idle_flags.Rule(data_flags.NAMES, False, "in the flags of the truth alone", "it here"),
        idle_flags.Rule(["train"], bool(_SEARCHES.value), "with --searches"),
        idle_flags.Rule(["data_dir"], trains, "with networks to train", "it with none"),
    )
    # TensorFlow takes seconds to import, so these imports come late.
    from nas import files
    from tools.experiments.truth import (
        finished_search,
        found_trainings,
        judgement,
        networks,
        scores,
    )

    truth = networks.read(_TRUTH.value)
    truth.check_half(_HALF.value)
    judged = scores.simple(truth)
    searches = [finished_search.read(path, truth) for path in _SEARCHES.value]
    judged += [score for search in searches for score in scores.of_search(search)]
    data_flags.take(truth.asked)
    path = pathlib.Path(_WORKDIR.value or truth.path.parent / "judged")
    asked = truth.asked | {"model": truth.model}
    with workdir.WorkDir(path, asked, command="judge_search", independent=True) as owned:
        aims = [*truth.targets, *([None] if len(truth.targets) > 1 else [])]
        draws = _DRAWS.value
        targets = [judgement.of_target(truth, _HALF.value, aim, draws) for aim in aims]
        console.title(f"Drawn networks of the truth, half {_HALF.value}; accuracies in points")
        console.say(judgement.table_of_targets(targets))
        agreements = judgement.of_scores(targets, judged, draws)
        console.title("Kendall's tau with the accuracies, 95 % interval")
        console.say(judgement.table_of_scores(targets, agreements))
        result: dict[str, Any] = {
            "schema_version": 1,
            "truth": str(truth.path),
            "settings": truth.asked,
            "half": _HALF.value,
            "bootstrap_draws": draws,
            "targets": [target.row() for target in targets],
            "scores": agreements,
        }
        for search in searches:
            if not search.scores:
                console.say(
                    f"{search.path}: {search.algorithm} has neither an estimate nor alpha; its "
                    "network alone is judged"
                )
        todo = found_trainings.missing(truth, searches, owned.path) if trains else []
        if todo:
            console.title(f"Training found networks: {len(todo)} trainings")
            found_trainings.train(todo, truth, owned.path)
        result["found"] = _judge_found(truth, targets, searches, owned.path)
        output = owned.path / f"judgement_{_HALF.value}.json"
        files.write_json(output, result | {"provenance": files.provenance()})
    console.say(f"\nresults are in {output}")


def _judge_found(
    truth: "Truth",
    targets: "list[Target]",
    searches: "list[FinishedSearch]",
    directory: pathlib.Path,
) -> list[dict[str, Any]]:
    """Prints where found networks stand; returns the rows of the result."""
    from tools.experiments.truth import found_trainings, judgement

    by_target = {target.target_ms: target for target in targets}
    rows = []
    for target_ms, network in sorted(truth.widths().items()):
        found = judgement.of_found(by_target[target_ms], network.row.choices, network.accuracies)
        named = {"name": "multiplied width", "search": None, "algorithm": None}
        rows.append(named | {"predicted_latency_ms": network.row.predicted_ms, **found})
    for search in searches:
        accuracies = found_trainings.accuracies(truth, search.choices, directory)
        if not accuracies:
            console.say(f"{search.path}: its network is not trained yet; leave --notrain out")
            continue
        found = judgement.of_found(by_target[search.target_ms], search.choices, accuracies)
        named = {"name": str(search.path), "search": str(search.path)}
        named |= {"algorithm": search.algorithm}
        rows.append(named | {"predicted_latency_ms": search.predicted_ms, **found})
    if rows:
        console.title("Found networks among the drawn ones; regret in points")
        console.say(judgement.table_of_found(rows))
    return rows


if __name__ == "__main__":
    console.run(main)

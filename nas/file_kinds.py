"""Every kind of file that a command reads: what it is, and what to do if one is damaged.

What to do never costs more than it must: a copy or another file goes before making it again.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: its usual name in a work dir.
        what: what it is, in words that follow `expected`.
        advice: what to do if one cannot be used.
    """

    name: str
    what: str
    advice: str


ANY = Kind("*.json", "a JSON file", "put a whole copy back, or give another file")
CONFIG = Kind(
    "config.json",
    "the flags of a work dir",
    "put a whole copy back, or delete this file alone and run with the flags of before: the "
    "finished stages stay",
)
STAGES = Kind(
    "stages.json",
    "the record of finished stages",
    "put a whole copy back, or delete this file alone: stages then run again and continue from "
    "what is there",
)
SPACE = Kind("space.json", "a search space", "mend the file there, or put a whole copy back")
CHILD = Kind(
    "child.json",
    "a child network",
    "mend the file there, or put a whole copy back (the network is also inside the .tflite files)",
)
LATENCY_MODEL = Kind(
    "latency_model.json",
    "a latency model written by tools.fit_latency",
    "put a whole copy back, or fit it again from its measurements (nothing is measured again)",
)
MEASUREMENTS = Kind(
    "measurements.jsonl",
    "rows written by tools.benchmark",
    "put a whole copy back, or take that line out and run tools.benchmark with the same flags: "
    "it times only what is missing",
)
FASTEST_RECIPE = Kind(
    "fastest_recipe.json",
    "which recipe is the fastest on the device",
    "delete it and run the same command again: it decides anew",
)
UNMEASURED = Kind(
    "measurements_failed.jsonl",
    "the models that a device cannot run, written by tools.benchmark",
    "delete it and run tools.benchmark with the same flags: it tries them again",
)
MEASURED = Kind(
    "measurements.jsonl",
    "the latencies of the exported files",
    "put a whole copy back, or time them again: tools.benchmark --models=FILE,FILE --output with "
    "this file",
)
ALPHAS = Kind(
    "search/alphas.npz",
    "the alphas of a search",
    "put a whole copy back, or move the file away (the report then has no probabilities; "
    "child.json and the trained network stay as they are)",
)
METRICS = Kind(
    "metrics.jsonl",
    "one row of finite numbers per epoch",
    "put a whole copy back, or mend that line; checkpoints and networks beside it are still there",
)
RUN = Kind(
    "checkpoints/run.json",
    "what the checkpoints belong to",
    "put a whole copy back to go on from the checkpoints, which are all still there, or move "
    "their folder away to start over",
)
ESTIMATE = Kind(
    "search/estimate.json",
    "what the options of a space are worth by the losses of a search",
    "put a whole copy back, or move the file away: child.json and the trained network stay as they "
    "are",
)
NETWORKS = Kind(
    "search/networks.json",
    "the networks that a search evaluated",
    "put a whole copy back, or move the file away to evaluate them again",
)
FINALISTS = Kind(
    "search/finalists.json",
    "the finalists of a search",
    "put a whole copy back, or move the file away: the trainings of finalists that are there are "
    "not repeated",
)
RESULT = Kind(
    "result.json",
    "the result of one training",
    "put a whole copy back, or move the file away: the training then continues from what is there",
)
SPLITS = Kind(
    "splits.json",
    "the files of every split",
    "put a whole copy back, or delete this file alone: it is written again",
)
PARITY = Kind(
    "parity_<recipe>.json",
    "the comparison of an exported file with its network",
    "put a whole copy back, or delete this file alone and export again: child.keras stays",
)
FAILED_RECIPES = Kind(
    "failed_recipes.json",
    "the recipes that missed their limits",
    "put a whole copy back, or delete this file alone: the export then runs again",
)
SUMMARY = Kind(
    "summary.json",
    "the numbers of a whole run",
    "put a whole copy back, or delete this file alone and run tools.pipeline again: finished "
    "stages are not repeated",
)
COMPARISON = Kind(
    "comparison.json",
    "the result of tools.compare_search",
    "put a whole copy back, or run tools.compare_search again: finished trainings stay",
)
TRUTH = Kind(
    "truth.jsonl",
    "rows written by tools.experiments.make_truth",
    "put a whole copy back, or take that line out and run it again: it trains only what is missing",
)
RATES = Kind(
    "rates.jsonl",
    "rows written by tools.experiments.sweep_rates",
    "put a whole copy back, or take that line out and run it again: it trains only what is missing",
)
TFLITE = Kind(
    "child_<recipe>.tflite",
    "a .tflite file",
    "put a whole copy back, or export it again from child.keras",
)
KERAS = Kind(
    "child.keras",
    "a .keras file of Keras' own layers",
    "put a whole copy back, give another file, or build the network from stock layers and save it "
    "again",
)
PROGRAM = Kind(
    "benchmark_model",
    "the benchmark_model program",
    "give its path with --benchmark_model",
)
CHECKPOINT = Kind(
    "checkpoints/ckpt-N",
    "a checkpoint",
    "mend that and run the same command again, or move the file away",
)

KINDS = tuple(kind for kind in list(globals().values()) if isinstance(kind, Kind))

"""Shows in which spaces a search begins well, and how much another learning rate would do.

    python -m tools.experiments.sweep_rates --spaces=made,cifar,cifar_widths --workdir=runs/rates

Trains the first epoch of `tools.search`, random paths of the warm-up, in every space at several
learning rates: its default times each of `--factors`. `made` stands for ten made-up spaces
(tools/experiments/rates/made_spaces.py). The table has the training accuracies, the part of the
best one that the default reached, and the largest loss of one of its steps. Writes `rates.jsonl`,
one line for each epoch. Run the command again to resume, also with more spaces or factors.
"""

from typing import Any

from absl import flags

from tools.flags import data_flags
from tools.terminal import console
from tools.workflow import search_defaults, workdir

FILE_NAME = "rates.jsonl"

_SPACES = flags.DEFINE_list(
    "spaces", ["made"], "Search spaces: names, .json files, or made, which is ten of them."
)
_FACTORS = flags.DEFINE_list(
    "factors", ["0.125", "0.25", "0.5", "1", "2"], "What the learning rate is multiplied by."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images per step.", lower_bound=1)
_OPTIMIZER = flags.DEFINE_enum(
    "optimizer", "sgd", [*search_defaults.LEARNING_RATES], "Optimizer of the weights."
)
_CLIP = flags.DEFINE_float(
    "clip_norm",
    search_defaults.CLIP_NORM,
    "Largest norm of the gradient of a step; 0 for none.",
    lower_bound=0.0,
)
_MAX_TRAIN = flags.DEFINE_integer(
    "max_train_examples", 0, "Largest number of training images to use; 0 is all.", lower_bound=0
)
_VALIDATION_SIZE = flags.DEFINE_integer(
    "validation_size", 5000, "Training images held out, as for a search.", lower_bound=1
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of weights, paths and batches.", lower_bound=0)
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder for all files.", required=True)


def main() -> None:
    """Trains the epochs that are missing and prints the table."""
    factors = [_factor(text) for text in _FACTORS.value]
    # TensorFlow takes seconds to import, so these imports come late.
    from nas import files
    from nas.searching.search_config import SearchConfig
    from tools.experiments.rates import first_epochs
    from tools.workflow import stages

    spaces = _spaces()
    dataset = stages.load_dataset(
        data_flags.DATASET.value,
        data_flags.DATA_DIR.value,
        seed=_SEED.value,
        validation_size=_VALIDATION_SIZE.value,
        max_train_examples=_MAX_TRAIN.value,
        images=data_flags.options(),
    )
    rate = search_defaults.LEARNING_RATES[_OPTIMIZER.value]
    config = SearchConfig(
        epochs=search_defaults.EPOCHS,
        warmup_epochs=search_defaults.WARMUP_EPOCHS,
        batch_size=_BATCH_SIZE.value,
        seed=_SEED.value,
        optimizer=_OPTIMIZER.value,
        warmup_learning_rate=2.0 * rate,
        learning_rate=rate,
        clip_norm=_CLIP.value,
    )
    shared = (data_flags.DATASET, _MAX_TRAIN, _VALIDATION_SIZE)
    asked = {flag.name: flag.value for flag in shared} | data_flags.given() | config.identity
    with workdir.WorkDir(_WORKDIR.value, asked, command="sweep_rates", independent=True) as owned:
        path = owned.path / FILE_NAME
        fitted = {name: stages.for_dataset(space, dataset) for name, space in spaces.items()}
        for name, space in fitted.items():
            done = {row.factor for row in first_epochs.read(path) if row.space == name}
            todo = [factor for factor in factors if factor not in done]
            if not todo:
                continue
            console.title(f"{name}: {len(space.slots)} slots")
            trainer = first_epochs.FirstEpochs(
                space, dataset.at_resolution(space.largest_resolution), config
            )
            for factor in console.progress(todo, label="training", unit="epochs"):
                found = trainer.run(factor)
                row = first_epochs.FirstEpoch(
                    space=name, settings=asked, provenance=files.provenance(), **found
                )
                first_epochs.append(path, row)
        rows = [row for row in first_epochs.read(path) if row.space in spaces]
        _print(rows, factors)
    console.say(f"\nresults are in {path}")


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise ValueError(f"factors: expected numbers above 0, received {text!r}; for example 0.5")
    return value


def _spaces() -> dict[str, Any]:
    """The spaces by the names that were given."""
    from nas.architecture import spaces
    from tools.experiments.rates import made_spaces

    found: dict[str, Any] = {}
    for name in _SPACES.value:
        if name == "made":
            found |= {made: made_spaces.made_space(made) for made in made_spaces.NAMES}
        elif name in made_spaces.NAMES:
            found[name] = made_spaces.made_space(name)
        else:
            found[name] = spaces.load_space(name)
    return found


def _print(rows: list[Any], factors: list[float]) -> None:
    console.title("Training accuracy of the first epoch, % (rate times)")
    by_space: dict[str, dict[float, Any]] = {}
    for row in rows:
        by_space.setdefault(row.space, {})[row.factor] = row
    cells, parts = [], []
    for name, found in by_space.items():
        accuracies = [found[factor].accuracy for factor in factors if factor in found]
        default = found.get(1.0)
        part = default and default.accuracy / max(accuracies)
        if part is not None:
            parts.append(part)
        cells.append(
            (
                name,
                *(f"{100 * accuracy:.1f}" for accuracy in accuracies),
                "-" if part is None else f"{part:.2f}",
                "-" if default is None or default.most_loss is None else f"{default.most_loss:.2f}",
            )
        )
    names = ["space", *(f"x {factor:g}" for factor in factors), "default / best", "largest loss"]
    console.say(console.table(names, cells))
    if parts:
        good = sum(part >= 0.9 for part in parts)
        console.say(
            f"\nthe default rate has at least 0.9 of the best in {good} of {len(parts)} spaces; "
            f"the least is {min(parts):.2f}"
        )


if __name__ == "__main__":
    console.run(main)

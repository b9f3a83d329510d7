"""Chooses the child by an estimate from the losses of all weight steps, and keeps the estimate."""

import numpy as np
import tensorflow as tf

from nas import files
from nas.choices import additive_estimate, space_costs
from nas.choices.additive_estimate import AdditiveEstimate
from nas.searching.algorithms.task import Task
from nas.supernet import pretrained_start
from nas.supernet.supernet import Supernet

FILE_NAME = "estimate.json"


def estimate(task: Task, supernet: Supernet) -> AdditiveEstimate:
    """Estimates what every option is worth, and writes it to `estimate.json`.

    Raises:
        ValueError: there are too few weight steps.
    """
    if supernet.observations is None:
        raise ValueError("estimate: expected a supernet that keeps observations, received none")
    choices, losses = supernet.observations.read()
    macs = space_costs.macs_of(task.space)
    uniform = macs.mask / np.array(macs.counts)[:, None]
    given = macs.gradient(tf.constant(uniform)).numpy()
    mean = float(macs.expected(tf.constant(uniform)))
    # Of a network with this option, the other decisions being random.
    work = [
        mean + row[:count] - row[:count].mean()
        for row, count in zip(given, macs.counts, strict=True)
    ]
    found = additive_estimate.fit(choices, losses, work, _options_of_seed(task))
    _write(task, found)
    return found


def _options_of_seed(task: Task) -> list[int | None] | None:
    """Returns the pretrained network's option in every row; None for the resolution, a free one."""
    if task.pretrained is None:
        return None
    found: list[int | None] = [*pretrained_start.choices_of(task.space, task.pretrained)]
    if task.space.resolution_row is not None:
        found[task.space.resolution_row] = None
    return found


def _write(task: Task, found: AdditiveEstimate) -> None:
    rows = zip(task.space.option_labels, found.effects, found.deviations, strict=True)
    files.write_json(
        task.directory / FILE_NAME,
        {
            "schema_version": 1,
            "steps": found.steps,
            "noise": found.noise,
            "rows": [
                {
                    "name": name,
                    "options": list(options),
                    "effects": effects.tolist(),
                    "deviations": deviations.tolist(),
                }
                for (name, options), effects, deviations in rows
            ],
            "provenance": files.provenance(),
        },
    )

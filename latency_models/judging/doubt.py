"""Whether a fitted latency model is too far off to search by, and what to do then."""

import os
from collections.abc import Sequence

from latency_models.measuring.measurements import Measurement
from latency_models.models.fitted import LatencyModel
from nas.files import Path

# Mean error on networks that were left out. Models of an idle device are off by 1 to 3 %.
MOST_ERROR = 0.1


def caution(model: LatencyModel, rows: Sequence[Measurement], path: Path) -> str | None:
    """Returns a sentence for a user if the model is off by more than `MOST_ERROR`, else None.

    Args:
        model: the model.
        rows: the rows that it was fitted to.
        path: their file.
    """
    error = model.evaluation_["networks"]["mape"]
    # NaN where nothing was left out.
    if not error > MOST_ERROR:
        return None
    noisy = sum(row.noisy for row in rows)
    found = f"the model is off by {100 * error:.0f} % on networks that were left out"
    if not noisy:
        return f"{found}; a target will be missed by as much"
    return (
        f"{found}, and {noisy} of {len(rows)} rows varied too much: delete the rows with "
        f'"noisy": true from {os.fspath(path)}, and measure again when the device is idle; the '
        "others are not measured again"
    )

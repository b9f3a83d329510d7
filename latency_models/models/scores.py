"""The scores of predicted latencies as files hold them; `evaluation` computes them."""

from __future__ import annotations

from typing import Annotated

import pydantic
from pydantic import Field
from pydantic.dataclasses import dataclass

from nas.schemas import Count, Finite, Fraction, NotNegative


@dataclass(frozen=True, config=pydantic.ConfigDict(extra="ignore"))
class Scores:
    """Scores of predicted latencies; `points` are pairs of milliseconds, errors are fractions."""

    count: Count
    mape: NotNegative
    within_5: Fraction
    within_10: Fraction
    bias: Finite
    kendall_tau: Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)] | None = None
    rmse_ms: NotNegative = 0.0
    method: str = ""
    points: tuple[tuple[NotNegative, NotNegative], ...] = ()

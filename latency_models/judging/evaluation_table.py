"""Scores of a latency model as a table, for the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEADERS = ("held out", "count", "error %", "within 5 %", "within 10 %", "RMSE ms", "tau", "bias %")


def rows(scores_by_name: Mapping[str, Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """One row per set of scores, in the order of `HEADERS`, with fractions in percent."""
    return [
        (
            name.replace("_", " "),
            scores["count"],
            round(100 * scores["mape"], 2),
            round(100 * scores["within_5"]),
            round(100 * scores["within_10"]),
            float(f"{scores['rmse_ms']:.3g}"),
            None if scores["kendall_tau"] is None else round(scores["kendall_tau"], 3),
            round(100 * scores["bias"], 2),
        )
        for name, scores in scores_by_name.items()
    ]


def markdown(scores_by_name: Mapping[str, Mapping[str, Any]]) -> str:
    """Formats `rows` as a Markdown table."""
    lines = [HEADERS, ["---"] * len(HEADERS), *rows(scores_by_name)]
    return "\n".join(
        "| " + " | ".join("-" if cell is None else str(cell) for cell in line) + " |"
        for line in lines
    )

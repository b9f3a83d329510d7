"""Plots of latencies; the only module that imports matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas import files

_BAND = 0.05
_PANEL_INCHES = 4.2
_MARKERS = "os^Dv"

Panel = Mapping[str, Sequence[Sequence[float]]]


def predicted_against_measured(
    path: files.Path, panels: Mapping[str, Panel], title: str = ""
) -> None:
    """Writes a PNG with panels side by side.

    Args:
        path: the file, which is replaced atomically.
        panels: for each panel's heading, a mapping from the name of a group to its pairs of
            predicted and measured milliseconds.
        title: title above all panels.
    """
    figure = Figure(figsize=(_PANEL_INCHES * len(panels), _PANEL_INCHES + 0.4), dpi=120)
    figure.suptitle(title, fontsize=10)
    for axes, (heading, groups) in zip(
        np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True
    ):
        _draw(axes, heading, groups)
    figure.tight_layout()
    files.write_with(path, lambda temporary: figure.savefig(temporary, format="png"))


def _draw(axes: Axes, heading: str, groups: Panel) -> None:
    pairs = np.array([pair for points in groups.values() for pair in points])
    least, most = pairs.min() / 1.15, pairs.max() * 1.15
    line = np.array([least, most])
    axes.fill_between(
        line,
        line * (1.0 - _BAND),
        line * (1.0 + _BAND),
        color="0.88",
        label=f"within {100 * _BAND:.0f} %",
    )
    axes.plot(line, line, color="0.5", linewidth=0.8)
    for marker, (name, points) in zip(_MARKERS, groups.items(), strict=False):
        predicted, measured = np.array(points).T
        axes.plot(measured, predicted, marker, markersize=4, alpha=0.75, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(least, most),
        ylim=(least, most),
        xlabel="measured ms",
        ylabel="predicted ms",
        aspect="equal",
    )
    steps = (1.0,) if most > 300.0 * least else (1.0, 2.0, 5.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.LogLocator(subs=steps, numticks=8))
        axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        axis.set_minor_formatter(ticker.NullFormatter())
    axes.tick_params(labelsize=8)
    axes.set_title(heading, fontsize=8)
    axes.legend(fontsize=8, loc="upper left")


def accuracy_over_latency(
    path: files.Path, curves: Mapping[str, Sequence[Sequence[float]]], title: str = ""
) -> None:
    """Writes a PNG with one curve of accuracy over latency for each name.

    Args:
        path: the file, which is replaced atomically.
        curves: for each name, pairs of milliseconds and percent.
        title: title above the plot.
    """
    figure = Figure(figsize=(1.4 * _PANEL_INCHES, _PANEL_INCHES), dpi=120)
    axes = figure.subplots()
    for marker, (name, points) in zip(_MARKERS, curves.items(), strict=False):
        latency_ms, accuracy = np.array(sorted(map(tuple, points))).T
        axes.plot(latency_ms, accuracy, f"{marker}-", markersize=5, linewidth=1.2, label=name)
    axes.set(xlabel="measured ms", ylabel="test accuracy %", title=title)
    axes.grid(color="0.9")
    axes.set_axisbelow(True)
    axes.legend(loc="lower right")
    figure.tight_layout()
    files.write_with(path, lambda temporary: figure.savefig(temporary, format="png"))


def of_evaluation(evaluation: Mapping[str, Mapping[str, Any]]) -> dict[str, Panel]:
    """Makes a panel for each entry of a latency model's `evaluation_` that has points."""
    return {
        f"{name.replace('_', ' ')}, {scores['count']}: error {100 * scores['mape']:.1f} %\n"
        + textwrap.fill(scores["method"], 48): {"held out": scores["points"]}
        for name, scores in evaluation.items()
        if "points" in scores
    }

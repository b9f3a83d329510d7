import matplotlib.image
import numpy as np

from latency_models.judging import evaluation_table, plots
from latency_models.models import evaluation


def test_a_picture_holds_what_it_is_given(tmp_path):
    path = tmp_path / "model.png"
    points = {"networks": [[1.0, 1.1], [2.0, 1.9]], "children": [[3.0, 3.0]]}
    plots.predicted_against_measured(path, {"held out": points, "repeats": points}, "a title")
    two = matplotlib.image.imread(path)
    plots.predicted_against_measured(path, {"held out": points}, "a title")
    one = matplotlib.image.imread(path)
    assert two.shape[0] == one.shape[0]
    assert two.shape[1] == 2 * one.shape[1]
    moved = {**points, "children": [[3.0, 1.0]]}
    plots.predicted_against_measured(path, {"held out": moved}, "a title")
    assert not np.array_equal(matplotlib.image.imread(path), one)
    assert [file.name for file in tmp_path.iterdir()] == ["model.png"]


def test_curves_are_drawn_in_the_order_of_latency(tmp_path):
    pictures = []
    for curves in (
        {"searched": [[2.0, 75.0], [1.0, 70.0]]},
        {"searched": [[1.0, 70.0], [2.0, 75.0]]},
        {"searched": [[1.0, 70.0], [2.0, 71.0]]},
    ):
        plots.accuracy_over_latency(tmp_path / "curve.png", curves, "a title")
        pictures.append(matplotlib.image.imread(tmp_path / "curve.png"))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


def test_panels_are_the_evaluations_with_points():
    stored = {
        "networks": evaluation.held_out([1.0, 2.0], [1.1, 1.9], "leave one out"),
        "without": evaluation.scores([1.0], [1.0]),
    }
    ((heading, groups),) = plots.of_evaluation(stored).items()
    assert heading == "networks, 2: error 7.2 %\nleave one out"
    assert groups == {"held out": [[1.0, 1.1], [2.0, 1.9]]}


def test_scores_as_a_markdown_table():
    stored = {"all_networks": evaluation.held_out([1.0, 2.1], [1.0, 2.0], "by hand")}
    assert evaluation_table.markdown(stored).splitlines() == [
        "| held out | count | error % | within 5 % | within 10 % | RMSE ms | tau | bias % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| all networks | 2 | 2.5 | 100 | 100 | 0.0707 | 1.0 | 2.5 |",
    ]
    alone = {"one": evaluation.held_out([1.0], [2.0], "by hand")}
    assert "| one | 1 | 50.0 | 0 | 0 | 1.0 | - | -50.0 |" in evaluation_table.markdown(alone)

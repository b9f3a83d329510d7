import json
import math
import shutil

import made_truth
import made_workdir
import numpy as np
import pytest

from nas import files, reading
from nas.architecture import spaces, spec_json
from tools.experiments.truth import finished_search, networks, scores


@pytest.fixture(scope="module")
def truth(tmp_path_factory, tiny_model_file):
    return networks.read(made_truth.write(tmp_path_factory.mktemp("truth"), tiny_model_file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model_file):
    path = made_truth.write_search(tmp_path_factory.mktemp("whole") / "w", tiny_model_file)
    made_workdir.write_estimate(path)
    return path


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "w")


def test_a_search_is_read_with_its_scores(folder, truth):
    search = finished_search.read(folder, truth)
    assert (search.algorithm, search.target_ms) == ("proxyless_gradient", made_truth.TARGET_MS)
    assert search.choices == made_workdir.CHOICES
    # The options' effects are -0.05 and 0.05, the last row's -0.1, 0 and 0.1; less loss is better.
    assert search.scores["estimate"]((0, 1, 0)) == pytest.approx(0.05 - 0.05 + 0.1)
    # The chosen option is three times as probable as each other one.
    p = 3 / 4 * 3 / 4 * 1 / 5
    assert search.scores["alpha"]((1, 0, 0)) == pytest.approx(math.log(p))
    titles = [score.title for score in scores.of_search(search)]
    assert titles == [f"estimate of {folder}", f"alpha of {folder}"]


def test_a_search_without_alpha_has_no_score(folder, truth):
    (folder / "search/estimate.json").unlink()
    made_workdir.change_search(folder, algorithm="random")
    assert finished_search.read(folder, truth).scores == {}


def test_log_probabilities_do_not_overflow():
    alpha = np.array([[1000.0, 1000.0 + math.log(3.0), np.nan]], np.float32)
    score = finished_search.log_probability(alpha)
    assert score([1]) == pytest.approx(math.log(3 / 4), abs=1e-4)


def test_a_target_with_other_digits_is_the_truths(folder, truth):
    made_workdir.change_search(folder, target=made_truth.TARGET_MS * 1.005)
    assert finished_search.read(folder, truth).target_ms == made_truth.TARGET_MS


def _unfinished(folder):
    made_workdir.change(folder, "stages.json", pipeline={"search": {"finished": False}})


def _another_dataset(folder):
    config = json.loads((folder / "config.json").read_text())
    config["pipeline"]["preset"]["dataset"] = "cifar10"
    files.write_json(folder / "config.json", config)


def _another_space(folder):
    space = spaces.SPACES["tiny"].with_task(5, 28, 1)
    files.write_json(folder / "space.json", spec_json.to_dict(space))
    child = json.loads((folder / "child.json").read_text())
    own = spec_json.to_dict(space.child(made_workdir.CHOICES))
    files.write_json(folder / "child.json", child | own)


def _another_form(folder):
    space = made_workdir.space()
    other = json.loads(json.dumps(spec_json.to_dict(space)))
    other["head"]["dropout"] = 0.5
    files.write_json(folder / "space.json", other)
    child = json.loads((folder / "child.json").read_text())
    child["head"]["dropout"] = 0.5
    files.write_json(folder / "child.json", child)


def _another_model(folder):
    notes = json.loads((folder / "child.json").read_text())["provenance"]
    notes["predicted_latency_ms"] *= 1.001
    made_workdir.change(folder, "child.json", provenance=notes)


def _cut_estimate(folder):
    path = folder / "search/estimate.json"
    path.write_bytes(path.read_bytes()[:100])


WRONG = {
    "no folder": (shutil.rmtree, "w: expected the work dir of a search, found no such folder"),
    "unfinished": (_unfinished, "w: expected a finished search .*; run its command again"),
    "no child": (lambda w: (w / "child.json").unlink(), "w: expected a finished search"),
    "data set": (_another_dataset, "expected the data set fashion_mnist, as in .*, received cifar"),
    "space": (_another_form, "space.json: expected the space tiny of .*, received another"),
    "target": (
        lambda w: made_workdir.change_search(w, target=0.09),
        r"expected a search for a target latency of .* \(0.06 ms\), received 0.09 ms; search",
    ),
    "no target": (
        lambda w: made_workdir.change_search(w, target=0.0),
        "expected a search for a target latency .*, received one without a latency",
    ),
    "latency model": (_another_model, "expected the latency model of .*; give a truth of the same"),
    "notes": (
        lambda w: made_workdir.change(w, "child.json", provenance={"command": "by hand"}),
        "child.json: provenance.search: expected the settings of a search, received none",
    ),
    "estimate": (_cut_estimate, "estimate.json: .*expected .*; put a whole copy back"),
    "alphas": (
        lambda w: (w / "search/alphas.npz").write_bytes(b"PK"),
        "alphas.npz: expected an .npz file, received",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_truth_cannot_judge_is_refused_in_one_line(name, folder, truth):
    damage, message = WRONG[name]
    damage(folder)
    with pytest.raises(ValueError, match=message) as caught:
        finished_search.read(folder, truth)
    assert "\n" not in str(caught.value)


def test_a_space_that_has_changed_since_the_truth_is_refused(folder, truth):
    """Its name is the same, but its networks have other sizes."""
    _another_space(folder)
    with pytest.raises(ValueError, match="space.json: .* parameters and .* MACs, received .* and"):
        finished_search.read(folder, truth)


def test_an_estimate_of_another_space_is_refused(folder, truth):
    path = folder / "search/estimate.json"
    content = json.loads(path.read_text())
    content["rows"][0]["options"][0] = "k9 e9"
    files.write_json(path, content)
    with pytest.raises(reading.FileFault, match="rows: expected the rows and options of space"):
        finished_search.read(folder, truth)

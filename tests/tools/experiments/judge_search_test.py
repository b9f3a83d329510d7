"""The whole command on a truth and searches that were written without training anything."""

import json

import made_truth
import made_workdir
import processes
import pytest


def judge(*flags):
    return processes.run("tools.experiments.judge_search", "--bootstrap_draws=20", *flags)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_model_file):
    path = tmp_path_factory.mktemp("judged")
    made_truth.write(path / "truth", tiny_model_file)
    made_workdir.write_estimate(made_truth.write_search(path / "one", tiny_model_file))
    made_truth.write_search(path / "two", tiny_model_file, algorithm="random")
    return path


def test_searches_and_scores_are_judged(folder):
    given = [f"--truth={folder}/truth", f"--searches={folder}/one,{folder}/two", "--half=all"]
    done = judge(*given)
    assert done.returncode == 0, done.stderr
    assert f"{folder}/two: random has neither an estimate nor alpha; its network" in done.stdout
    told = done.stdout.splitlines()
    (depth,) = (line.split() for line in told if line.startswith("depth "))
    (estimate,) = (line for line in told if line.startswith("estimate of "))
    found = json.loads((folder / "truth/judged/judgement_all.json").read_text())
    assert found["schema_version"] == 1
    taus = {row["title"]: row["tau"] for row in found["scores"]}
    assert list(taus) == [
        *("depth", "MACs", "parameters", "work"),
        *(f"estimate of {folder}/one", f"alpha of {folder}/one"),
    ]
    assert depth[1] == f"{taus['depth']:.2f}"
    assert f" {taus[f'estimate of {folder}/one']:.2f} (" in estimate
    # The made accuracies grow with the depth.
    assert taus["depth"] > 0.5
    # The network is one of the truth's, so nothing was trained.
    width, one, two = found["found"]
    assert width["name"] == "multiplied width" and len(width["test_accuracies"]) == 1
    assert one["is_drawn"] and len(one["test_accuracies"]) == 2
    assert (one["algorithm"], two["algorithm"]) == ("proxyless_gradient", "random")
    assert one["regret"] == two["regret"]
    assert one["regret"]["low"] < one["regret"]["value"] < one["regret"]["high"]
    assert not (folder / "truth/judged/trainings").exists()


def test_a_network_that_is_not_trained_is_named(folder, tmp_path):
    """Its search is judged by its scores alone."""
    rows = (folder / "truth/truth.jsonl").read_text().splitlines(keepends=True)
    choices = json.dumps(list(made_workdir.CHOICES))
    kept = [row for row in rows if f'"choices": {choices}' not in row]
    assert len(kept) == len(rows) - 2
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/truth.jsonl").write_text("".join(kept))
    (tmp_path / "truth/config.json").write_text((folder / "truth/config.json").read_text())
    given = [f"--truth={tmp_path}/truth", f"--searches={folder}/one", f"--workdir={tmp_path}/w"]
    done = judge(*given, "--notrain")
    assert done.returncode == 0, done.stderr
    assert f"{folder}/one: its network is not trained yet; leave --notrain out" in done.stdout
    found = json.loads((tmp_path / "w/judgement_report.json").read_text())
    assert [row["name"] for row in found["found"]] == ["multiplied width"]
    assert sorted(path.name for path in (tmp_path / "w").iterdir()) == [
        ".lock", "config.json", "judgement_report.json"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset=cifar10"], "dataset: expected it in the flags of the truth alone"),
        (["--notrain"], "train: expected it with --searches, received it without"),
        (["--data_dir=x"], "data_dir: expected it with networks to train"),
        (["--searches=none"], "none: expected the work dir of a search, found no such folder"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(folder, tmp_path, flags, message):
    done = judge(f"--truth={folder}/truth", f"--workdir={tmp_path}/w", *flags)
    assert done.returncode == 1
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "w").exists()

import dataclasses
import json
import re

import processes
import pytest

import latency_models
from nas import files
from nas.architecture import spaces, spec_json
from nas.architecture.operations import MBConv
from nas.data.image_options import ImageOptions
from tools.terminal import pipeline_summary
from tools.workflow import presets
from tools.workflow.pipeline import plan
from tools.workflow.pipeline.run import Pipeline
from tools.workflow.pipeline.settings import Settings, checked
from tools.workflow.workdir import WorkDir


def settings(data_dir=None, **changes):
    own = {field.name for field in dataclasses.fields(Settings)}
    preset = {name: value for name, value in changes.items() if name not in own}
    rest = {name: value for name, value in changes.items() if name in own}
    made = Settings(
        preset=dataclasses.replace(presets.preset("tiny"), **preset),
        data_dir=data_dir,
        device="local",
        num_threads=1,
        target_latency_ms=None,
        is_limit=False,
        seed=0,
        max_train_examples=0,
    )
    return dataclasses.replace(made, **rest)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"space": "huge"}, "space: expected one of"),
        ({"space": "none.json"}, "none.json: expected a search space, found none"),
        ({"recipe": "int3"}, "recipe: expected one of"),
        ({"device": "toaster"}, "device: expected local, adb or adb:SERIAL"),
        ({"num_threads": 0}, "num_threads"),
    ],
)
def test_what_does_not_exist_is_refused(changes, error):
    with pytest.raises(ValueError, match=error):
        checked(settings(**changes))


def test_a_space_with_too_few_networks_is_refused(tmp_path):
    space = spaces.SPACES["tiny"]
    small = dataclasses.replace(
        space, layers=(*space.layers[:1], *space.child([0, 0, 0]).layers[1:])
    )
    files.write_json(tmp_path / "small.json", spec_json.to_dict(small))
    with pytest.raises(ValueError, match="expected at least 4 networks to choose from, received 2"):
        checked(settings(space=str(tmp_path / "small.json")))


def test_the_recipe_aimed_at_is_exported_too():
    found = checked(settings(recipe="int8", recipes=("float32",)))
    assert found.preset.recipes == ("int8", "float32")
    assert checked(settings()) == settings()


def test_a_work_dir_keeps_what_a_latency_on_a_phone_depends_on():
    phone = latency_models.PhoneSettings("benchmark_model", delegate="gpu", timeout_seconds=3.0)
    assert "phone" not in settings(phone=phone).as_config()
    kept = settings(phone=phone, device="adb").as_config()["phone"]
    assert (kept["benchmark_model"], kept["delegate"], kept["num_runs"]) == (
        "benchmark_model",
        "gpu",
        50,
    )
    assert "timeout_seconds" not in kept


def test_too_few_images_are_refused_in_the_first_stage(fashion_data_dir, tmp_path):
    asked = settings(fashion_data_dir, max_train_examples=20)
    with WorkDir(tmp_path / "w", {}) as owned:
        with pytest.raises(ValueError, match="expected at least 32 images.*received 20 and 200"):
            Pipeline(asked, owned, tmp_path / "w").run()
        assert owned.stage_seconds == {}


def test_no_target_is_said_so():
    assert pipeline_summary.target_text(0.0) == "none"
    assert pipeline_summary.target_text(1.23456) == "1.23 ms"


pipeline = processes.tool("pipeline")


def test_a_bad_flag_leaves_no_work_dir_behind_and_says_so_in_one_line(tmp_path):
    done = pipeline("--preset=tiny", "--space=huge", f"--workdir={tmp_path}/w")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: space: expected one of")
    assert not (tmp_path / "w").exists()


def test_a_work_dir_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    done = pipeline("--preset=tiny", f"--workdir={tmp_path}/file/w")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith("(Not a directory); choose another --workdir")


def test_two_targets_are_refused(tmp_path):
    done = pipeline("--target_latency_ms=1", "--target_latency=0.5", f"--workdir={tmp_path}/w")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "received both" in line


@pytest.mark.integration
def test_a_dry_run_prints_the_plan_and_writes_nothing(fashion_data_dir, tmp_path):
    flags = ["--preset=tiny", f"--data_dir={fashion_data_dir}", f"--workdir={tmp_path}/w"]
    done = pipeline(*flags, "--dry_run")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "w").exists()
    left = re.findall(r"^(\w+) +to do\b", done.stdout, re.M)
    assert left == list(plan.STAGES)
    plain = done.stdout.replace("\n          ", " ")
    for text in ("12 networks", "target 50 % of the way", "for the search"):
        assert text in plain
    assert re.search(r"^then +about \S+ s for the training", plain, re.M)


def test_the_plan_names_every_stage_that_a_work_dir_has_finished(tmp_path):
    names = list(plan.STAGES)
    with WorkDir(tmp_path / "w", {}) as owned:
        for name in names[:3]:
            owned.mark(name, 1.0)
    rows = plan.rows(WorkDir(tmp_path / "w", {}))
    assert [(name, state) for name, state, _ in rows][:4] == [
        *((name, "finished before") for name in names[:3]),
        (names[3], "to do"),
    ]


def test_a_network_that_is_trained_instead_of_a_search_must_exist():
    with pytest.raises(ValueError, match="child: expected one of proxyless_mobile"):
        checked(settings(child="proxyless_toaster"))
    # The space is not looked at.
    found = checked(settings(child="proxyless_gpu", space="huge"))
    assert found.as_config()["preset"]["child"] == "proxyless_gpu"


def test_a_work_dir_keeps_of_presets_what_they_had_before():
    kept = settings().as_config()
    assert not {"child", "images", "init"} & set(kept["preset"])
    assert "images" not in kept


def test_a_target_and_a_resolution_contradict_each_other():
    given = settings(child="mobilenet_v3_small")
    aimed = dataclasses.replace(given, target_latency_ms=5.0)
    assert checked(aimed).chooses_resolution and not checked(given).chooses_resolution
    sized = dataclasses.replace(aimed, images=ImageOptions(resolution=64))
    with pytest.raises(ValueError, match="resolution: expected none .* leave one of them out"):
        checked(sized)
    with pytest.raises(ValueError, match="found no file nothing.keras"):
        checked(settings(child="mobilenet_v3_small", init="nothing.keras"))


def test_weights_of_a_search_need_a_search():
    with pytest.raises(ValueError, match="init: expected random, .* received search"):
        checked(settings(child="proxyless_gpu", init="search"))
    assert settings(init="search").as_config()["preset"]["init"] == "search"


@pytest.mark.integration
def test_a_preset_goes_on_with_the_weights_of_its_search_if_there_is_one(
    fashion_data_dir, tmp_path
):
    data = ["--preset=quick", "--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    flags = [*data, f"--workdir={tmp_path}/w", "--dry_run"]
    done = pipeline(*flags, "--child=proxyless_cpu")
    assert done.returncode == 0, done.stderr
    # Work dirs from before this was the default say nothing of it.
    config = {"preset_name": "quick", "preset": {"space": "cifar"}}
    files.write_json(tmp_path / "w/config.json", {"schema_version": 1, "pipeline": config})
    refused = pipeline(*flags)
    assert refused.returncode == 1
    assert 'init: was not given, now "search"' in refused.stderr
    assert refused.stderr.rstrip().endswith(
        "with --init what it began with (random by default before)"
    )


@pytest.mark.integration
def test_the_last_finalist_is_trained_further(fashion_data_dir, tmp_path):
    flags = ["--preset=tiny", f"--data_dir={fashion_data_dir}", f"--workdir={tmp_path}/w"]
    flags += ["--finalists=3", "--init=search", "--recipes=float32", "--space=many.json"]
    # So many networks that several are near the target.
    tiny = spaces.SPACES["tiny"]
    candidates = tuple(MBConv(k, e) for k in (3, 5) for e in (1, 2, 3))
    slots = tuple(dataclasses.replace(slot, candidates=candidates) for slot in tiny.slots)
    many = dataclasses.replace(tiny, name="many", layers=slots)
    files.write_json(tmp_path / "many.json", spec_json.to_dict(many))
    done = processes.run("tools.pipeline", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Training the child from the weights of the search" in done.stdout
    assert "finalists, round 2: 2 networks" in done.stderr
    assert re.search(r"\nfinalist +predicted ms +accuracy by round, %\n", done.stdout)
    child = files.read_json(tmp_path / "w/child.json")
    reached = child["provenance"]["finalists"]
    (chosen,) = [one for one in reached if one["choices"] == child["provenance"]["choices"]]
    assert len(chosen["losses"]) == 2 == max(len(one["losses"]) for one in reached)
    page = (tmp_path / "w/report/index.html").read_text()
    assert "3 finalists" in page and "Training from the weights of the search" in page
    # The training went on from there: its first epoch is better than the first one of all.
    epochs = [
        json.loads(path.read_text().splitlines()[0])["loss"]
        for path in (
            tmp_path / "w/train/metrics.jsonl",
            *sorted(tmp_path.glob("w/search/finalists/*/round_0/metrics.jsonl")),
        )
    ]
    assert len(epochs) == 4 and epochs[0] < min(epochs[1:])


def test_the_plan_of_a_network_without_a_search_has_none(tmp_path):
    rows = plan.rows(WorkDir(tmp_path / "w", {}), plan.CHILD_STAGES)
    assert [name for name, _, _ in rows] == [
        "data",
        "child",
        "train",
        "export",
        "measure",
        "report",
    ]


def test_a_summary_without_a_prediction_says_what_was_measured(capsys, tmp_path):
    summary = {
        "recipe": "int8",
        "target_latency_ms": 0.0,
        "predicted_latency_ms": None,
        "measured_latency_ms": 2.5,
        "params": 1000,
        "macs": 2_000_000,
        "test_accuracy": 0.5,
        "test_accuracy_by_recipe": {"int8": 0.5},
        "latency_ms_by_recipe": {"int8": 2.5},
        "size_bytes_by_recipe": {"int8": 1234},
        "stage_seconds": {"train": 1.0},
    }
    pipeline_summary.show(summary, tmp_path)
    assert "latency of int8: measured 2.5 ms\n" in capsys.readouterr().out

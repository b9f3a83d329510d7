"""Which runs `--extend` extends, and what their work dirs then repeat."""

import dataclasses
import json
import types

import pytest

from tools.flags import extension
from tools.workflow import presets
from tools.workflow.pipeline.settings import Settings
from tools.workflow.workdir import WorkDir


@pytest.fixture
def extend(monkeypatch):
    """Says whether `--extend` is given."""

    def given(value=True):
        monkeypatch.setattr(extension, "_EXTEND", types.SimpleNamespace(value=value))

    given(False)
    return given


def started(path, **train):
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps({"schema_version": 1, "train": train}))


def test_only_with_the_flag_and_more_epochs_a_run_is_extended(extend, tmp_path):
    assert extension.of(tmp_path, "train", 5) == ((), False)
    started(tmp_path, epochs=3)
    assert extension.of(tmp_path, "train", 5) == ((), False)
    extend()
    assert extension.of(tmp_path, "train", 5) == ((3,), True)
    for epochs in (3, 2):
        assert extension.of(tmp_path, "train", epochs) == ((), False)
    started(tmp_path, epochs=5, earlier_epochs=[3])
    assert extension.of(tmp_path, "train", 9) == ((3, 5), True)
    for is_given in (True, False):
        extend(is_given)
        # The same command again, which resumes it.
        assert extension.of(tmp_path, "train", 5) == ((3,), False)


@pytest.mark.parametrize("train", [{}, {"seed": 1}])
def test_nothing_to_extend_is_told(train, extend, tmp_path):
    started(tmp_path, **train)
    extend()
    with pytest.raises(
        ValueError, match="extend: expected a work dir with a run .* leave --extend"
    ):
        extension.of(tmp_path, "train", 5)


@pytest.mark.parametrize("earlier", [[0], [3], [2, 1], [9], ["x"], 5])
def test_lengths_that_cannot_be_are_a_fault_of_the_file(earlier, extend, tmp_path):
    started(tmp_path, epochs=3, earlier_epochs=earlier)
    with pytest.raises(ValueError, match="config.json: .*earlier_epochs.*expected .*received"):
        extension.of(tmp_path, "train", 5)


def pipeline(path, search=None, train=None):
    """The settings of a pipeline with these epochs, and its work dir."""
    tiny = presets.preset("tiny")
    preset = dataclasses.replace(
        tiny,
        search=dataclasses.replace(tiny.search, epochs=search or tiny.search.epochs),
        train=dataclasses.replace(tiny.train, epochs=train or tiny.train.epochs),
    )
    settings = Settings(preset, None, "local", 1, None, False, 0, 0)
    settings, replaced = extension.of_pipeline(path, settings)
    return settings, WorkDir(path, settings.as_config(), replaceable=replaced)


def finish(path, **epochs):
    with pipeline(path, **epochs)[1] as owned:
        for name in ("data", "search", "train", "export"):
            owned.stage(name, lambda: None)


def left(directory):
    return [n for n in ("data", "search", "train", "export") if not directory.finished(n)]


def test_a_pipeline_repeats_what_is_extended_and_what_follows(extend, tmp_path):
    path = tmp_path / "w"
    finish(path, search=2, train=2)
    with pytest.raises(ValueError, match="train_epochs: was 2, now 5"):
        pipeline(path, search=2, train=5)[1].inspect()
    extend()
    settings, directory = pipeline(path, search=2, train=5)
    assert settings.preset.train.earlier_epochs == (2,)
    assert settings.preset.search.earlier_epochs == ()
    directory.inspect()
    assert "train" in left(directory) and not {"data", "search"} & {*left(directory)}
    finish(path, search=2, train=5)
    assert not left(pipeline(path, search=2, train=5)[1])
    # A search that goes on may find another child: its training has no history.
    settings, directory = pipeline(path, search=3, train=5)
    assert settings.preset.search.earlier_epochs == (2,)
    assert settings.preset.train.earlier_epochs == ()
    with directory as owned:
        assert left(owned) == ["search", "train", "export"]
    provenance = json.loads((path / "config.json").read_text())["provenance"]
    assert len(provenance["extends"]) == 2

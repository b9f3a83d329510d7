import pytest

from tools import subcommand


def test_a_failure_is_told_with_its_last_line_and_where_the_others_are(tmp_path):
    log = tmp_path / "deep/search.log"
    arguments = ["--space=huge", f"--workdir={tmp_path}/w"]
    with pytest.raises(ValueError, match=r"tools.search ended with 1: error: space: .*see .*log"):
        subcommand.run("search", arguments, log)
    assert "expected one of" in log.read_text()


def test_time_and_memory_are_counted(fashion_data_dir, tmp_path):
    arguments = ["--dataset=fashion_mnist", f"--data_dir={fashion_data_dir}"]
    used = subcommand.run("prepare_data", arguments, tmp_path / "data.log")
    assert used.seconds > 0 and used.cpu_seconds > 0 and used.peak_mib > 1
    assert "already" in (tmp_path / "data.log").read_text()

import json
import os
import sys

import processes
import pytest

# What `tools/experiments/steps/reference_supernet.py` says, without PyTorch: a step of either kind
# takes two seconds.
STAND_IN = """#!{python}
import sys
print({num_weights}, "2.0", flush=True)
for line in sys.stdin:
    assert line in ("weight\\n", "two\\n")
    print(2.0, flush=True)
"""
NUM_WEIGHTS = 16_034_168


def run(tmp_path, *flags):
    output = f"--output={tmp_path / 'x.json'}"
    return processes.run("tools.compare_reference", output, *flags)


def stand_in(tmp_path, text):
    path = tmp_path / "python"
    path.write_text(text)
    os.chmod(path, 0o755)
    return f"--reference_python={path}"


@pytest.fixture
def checkout(tmp_path):
    modules = tmp_path / "reference" / "search" / "modules"
    modules.mkdir(parents=True)
    (modules / "mix_op.py").touch()
    return f"--reference={tmp_path / 'reference'}"


@pytest.mark.integration
def test_the_steps_of_both_sides_are_compared(tmp_path, checkout):
    python = stand_in(tmp_path, STAND_IN.format(python=sys.executable, num_weights=NUM_WEIGHTS))
    small = "--batch_size=2", "--resolution=32", "--rounds=1"
    done = run(tmp_path, checkout, python, *small)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "x.json").read_text())
    assert found["reference_weight_step_s"] == found["reference_arch_two_step_s"] == 2.0
    assert found["weight_ratio_to_reference"] == found["weight_step_s"] / 2.0 > 0
    assert found["arch_two_ratio_to_reference"] == found["arch_two_step_s"] / 2.0 > 0
    assert "PyTorch 2.0" in done.stdout and "two-path architecture step" in done.stdout


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    done = run(tmp_path, f"--reference={tmp_path}", f"--reference_python={sys.executable}")
    assert done.returncode != 0
    assert "expected a checkout of proxylessnas" in done.stderr.splitlines()[-1]


def test_a_reference_that_fails_is_told_with_its_last_words(tmp_path, checkout):
    python = stand_in(tmp_path, "#!/bin/sh\necho No module named torch >&2\nexit 1\n")
    done = run(tmp_path, checkout, python)
    assert done.returncode != 0
    assert "the reference ended early: No module named torch" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr

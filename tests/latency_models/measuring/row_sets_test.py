import made_rows
import pytest

from latency_models.measuring import environment, parts, row_sets
from nas.architecture import spaces

PART = parts.stem_part(spaces.SPACES["tiny"].child([0, 0, 0]))
CPU = {"device": "adb:A1", "runtime": "x", "num_threads": 1, "delegate": "none"}


def row(recipe="int8", **changes):
    return made_rows.row(PART, 1.0, recipe=recipe, environment={**CPU, **changes})


ROWS = [
    row(),
    row(delegate="gpu"),
    row(),
    row("float32"),
    row(os_build="brand/device/name:14/" + "x" * 40),
    row(benchmark_args="--use_npu=true"),
    row(device="local", num_threads=2),
]


def test_rows_measured_alike_form_sets_in_the_order_of_the_file():
    sets = row_sets.of(ROWS)
    assert [len(one.rows) for one in sets] == [2, 1, 1, 1, 1, 1]
    assert sets[0].rows == (ROWS[0], ROWS[2])
    assert row_sets.differences(sets) == [
        *("device", "delegate", "num_threads", "recipe", "benchmark_args", "os_build")
    ]
    headers, cells = row_sets.table(sets)
    assert headers[:4] == ["number", "rows", "device", "delegate"]
    assert cells[1] == ["2", "1", "adb:A1", "gpu", "1", "int8", "-", "-"]
    assert len(cells[3][-1]) == 36
    assert row_sets.described(sets) == "delegate none and delegate gpu"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"delegate": "gpu"}, [1]),
        ({"recipe": "float32", "device": None}, [2]),
        ({"device": "adb", "num_threads": 1, "recipe": "int8", "delegate": "none"}, [0, 3, 4]),
        ({"benchmark_args": "--use_npu=true"}, [4]),
        ({"benchmark_args": "", "device": "adb:A1", "delegate": "none"}, [0, 2, 3]),
        ({"device": "local"}, [5]),
        ({"device": "adb:B"}, []),
    ],
)
def test_flags_choose_among_them(wanted, expected):
    sets = row_sets.of(ROWS)
    assert row_sets.chosen(sets, wanted) == [sets[i] for i in expected]


def test_rows_from_before_the_options_are_rows_without_them():
    assert row(benchmark_args=None) == row() == row(benchmark_args="")
    assert "benchmark_args" not in row(benchmark_args=None).environment
    with pytest.raises(ValueError, match="expected text at benchmark_args, received 3"):
        environment.check({**CPU, "benchmark_args": 3})

import math
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_models.devices.android import benchmark_output

# In the form of each program's own output.
OUTPUTS = pathlib.Path(__file__).resolve().parents[3] / "testdata" / "benchmark_model"
TFLITE = (OUTPUTS / "tflite.txt").read_text("utf-8")
LITERT = (OUTPUTS / "litert.txt").read_text("utf-8")


def test_the_second_line_of_statistics_counts():
    runs = benchmark_output.parse(TFLITE)
    assert runs == benchmark_output.Runs(50, 116066.0, 111222.0, 121324.0, None)
    assert runs.latency_ms == pytest.approx(116.066)


def test_the_median_counts_where_it_is_printed():
    runs = benchmark_output.parse(LITERT)
    assert (runs.count, runs.median_us) == (50, 2038.0)
    assert runs.latency_ms == pytest.approx(2.038)


@pytest.mark.parametrize(
    ("line", "expected_ms"),
    [
        ("count=50 curr=12(all same)", 0.012),
        ("count=50 curr=12(all same) p5=12 median=12 p95=12", 0.012),
        ("count=1 curr=431", 0.431),
        ("count=3 first=2e+06 curr=1.9e+06 min=1.9e+06 max=2e+06 avg=1.93333e+06 std=4", 1933.33),
        # Quick models: a median of whole microseconds is coarse; a mean far off is disturbed.
        ("count=9 first=15 curr=14 min=14 max=99 avg=23.8 std=0 p5=14 median=14 p95=99", 0.014),
        ("count=9 first=15 curr=14 min=14 max=15 avg=14.4 std=0 p5=14 median=14 p95=15", 0.0144),
        # The oldest builds, and a prefix of Android's log.
        ("curr=4100 count=5 min=4000 max=4200 avg=4100 std=50", 4.1),
        ("11-23 08:47:26.1  47  47 I tflite  : count=2 first=9 curr=8 min=8 max=9 avg=8.5", 0.0085),
    ],
)
def test_every_form_of_the_line(line, expected_ms):
    text = f"count=1 curr=999\n\n{line}\n"
    assert benchmark_output.parse(text).latency_ms == pytest.approx(expected_ms)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "received 0; the output ends with nothing"),
        ("count=1 curr=9\n", "received 1"),
        ("count=1 curr=9\n" * 3, "received 3"),
        ("count=1 curr=9\ncount=0\n", "received 1"),
        ("count=1 curr=9\ncount=5 curr=0(all same)\n", "expected at least one run and 0 < min"),
        ("count=1 curr=9\ncount=5 curr=3 min=9 max=4 avg=3 std=0\n", "min=9 avg=3 max=4"),
        (TFLITE.replace("Inference (avg): 116066", "Inference (avg): 117225"), "received 117225"),
        ("WARN: Unconsumed cmdline flags: --num_thread=1\n" + TFLITE, "--num_thread=1"),
        ("ERROR: Failed to load model /x.tflite\nBenchmarking failed.", "Failed to load model /x"),
        ("Segmentation fault", "the output ends with 'Segmentation fault'"),
    ],
)
def test_what_is_no_measurement_is_refused_in_one_line(text, words):
    with pytest.raises(ValueError, match="^benchmark_model: ") as caught:
        benchmark_output.parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


PROFILE = """\
Profiling Info for Benchmark Initialization:
\tAllocateTensors\t 0.000\t 0.147\t 0.147\t100.000%\t100.000%\t 0.000\t 1\tAllocateTensors/0
Timings (microseconds): count=1 curr=147
Memory (bytes): count=0
Operator-wise Profiling Info for Regular Benchmark Runs:
Timings (microseconds): count=50 first=79449 curr=81350 min=77385 max=88213 avg=79732 std=1929
Memory (bytes): count=50 curr=19598656(all same)
31 nodes observed
"""


@pytest.mark.parametrize("text", [TFLITE + PROFILE, PROFILE + TFLITE, LITERT + PROFILE])
def test_statistics_of_a_profile_do_not_count(text):
    expected = TFLITE if "STARTING" in text else LITERT
    assert benchmark_output.parse(text) == benchmark_output.parse(expected)


def test_a_third_line_of_statistics_without_its_beginning_does_not_count():
    lines = TFLITE.replace("INFO: Inference timings", "count=1 curr=5\nINFO: Inference timings")
    assert benchmark_output.parse(lines) == benchmark_output.parse(TFLITE)


def test_the_last_line_of_the_oldest_builds():
    text = (
        "Running benchmark for 1 iterations\ncount=1 curr=146161\n\n"
        "Running benchmark for 50 iterations\n"
        "count=50 first=137789 curr=137254 min=137079 max=143416 avg=137722 std=896\n\n"
        "Average inference timings in us: Warmup: 146161, Init: 4452, no stats: 137722\n"
    )
    assert benchmark_output.parse(text).latency_ms == pytest.approx(137.722)
    with pytest.raises(ValueError, match="received 137 us"):
        benchmark_output.parse(text.replace("no stats: 137722", "no stats: 137"))


GOES_ON = (
    "ERROR: Failed to apply the default TensorFlow Lite delegate indexed at 0 because of "
    "incompatibility between runtime and delegate. Ignoring the error, and continuing anyway.\n"
)


def test_a_default_delegate_that_the_program_goes_on_without_is_no_failure():
    assert benchmark_output.fault(GOES_ON) is None
    assert benchmark_output.parse(GOES_ON + TFLITE) == benchmark_output.parse(TFLITE)
    assert benchmark_output.went_on(GOES_ON + TFLITE) == GOES_ON.strip()
    assert benchmark_output.went_on(TFLITE) is None
    hard = "ERROR: Failed to apply the default TensorFlow Lite delegate indexed at 0.\n"
    assert benchmark_output.fault(hard) == hard.strip()


def test_the_causes_stand_before_the_failure():
    text = (
        "INFO: STARTING!\nERROR: Didn't find op for builtin opcode 'CONV_2D' version '6'.\n"
        "06-18 10:20:41.572  4669  4669 E tflite  : Failed to load model /x\n"
        "ERROR: Benchmarking failed.\nERROR: Benchmarking failed.\n"
    )
    assert benchmark_output.causes(text) == (
        "Didn't find op for builtin opcode 'CONV_2D' version '6'. | Failed to load model /x | "
        "Benchmarking failed."
    )


def test_the_programs_are_told_apart_by_their_flags():
    assert benchmark_output.program("Flags:\n\t--num_runs=50\n\t--use_xnnpack=true") == "tflite"
    assert benchmark_output.program("Flags:\n\t--num_runs=50\n\t--use_npu=false") == "litert"
    with pytest.raises(ValueError, match="received 'not found'"):
        benchmark_output.program("sh: benchmark_model\nnot found\n")


numbers = st.integers(1, 10**9)


@st.composite
def printed_runs(draw):
    """A line as stats_calculator.h prints it, with its numbers as a program would print them."""
    times = draw(st.lists(numbers, min_size=1, max_size=30))
    mean = sum(times) / len(times)
    median = sorted(times)[len(times) // 2]
    if len(set(times)) == 1:
        line = f"count={len(times)} curr={times[-1]}" + ("(all same)" if len(times) > 1 else "")
    else:
        line = (
            f"count={len(times)} first={times[0]} curr={times[-1]} min={min(times)} "
            f"max={max(times)} avg={mean:.6g} std={int(max(times) - min(times))}"
        )
    has_percentiles = draw(st.booleans())
    if has_percentiles:
        line += f" p5={min(times)} median={median} p95={max(times)}"
    return line, len(times), mean, median if has_percentiles else None


@given(
    printed_runs(),
    printed_runs(),
    st.sampled_from(
        ["", "INFO: ", "I/tflite  ( 123): ", "11-23 08:47:26.133   1   1 I tflite  : "]
    ),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.booleans(),
)
def test_any_statistics_are_read_back(warmup, measured, prefix, newline, has_last_line):
    lines = ["Running", prefix + warmup[0], "Running", prefix + measured[0]]
    line, count, mean, median = measured
    if has_last_line:
        lines.append(
            f"{prefix}Inference timings in us: Init: 530, First inference: 7, "
            f"Warmup (avg): {warmup[2]:.6g}, Inference (avg): {mean:.6g}"
        )
    runs = benchmark_output.parse(newline.join([*lines, ""]))
    assert runs.count == count
    assert runs.mean_us == pytest.approx(mean, rel=1e-5)
    assert runs.median_us == median
    assert runs.min_us <= runs.mean_us * (1 + 1e-5)


@given(
    st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                [
                    "count=",
                    "curr=",
                    "avg=",
                    "min=",
                    "max=",
                    "9",
                    "-1",
                    "nan",
                    "1e999",
                    " ",
                    "\n",
                    ".",
                ]
            )
        ).map("".join),
    )
)
def test_garbage_is_refused_or_read_as_positive_numbers(text):
    try:
        runs = benchmark_output.parse(text)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert math.isfinite(runs.latency_ms)
    assert runs.latency_ms > 0.0
    assert runs.count >= 1


@pytest.mark.parametrize(("text", "latency_ms"), [(TFLITE, 116.066), (LITERT, 2.038)])
def test_output_cut_short_anywhere_is_refused_or_right(text, latency_ms):
    read = []
    for length in range(len(text)):
        try:
            read.append(benchmark_output.parse(text[:length]).latency_ms)
        except ValueError:
            continue
    assert read
    assert set(read) == {latency_ms}

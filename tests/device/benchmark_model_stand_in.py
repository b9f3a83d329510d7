"""A stand-in for `benchmark_model`: runs a model with LiteRT and prints the program's own lines.

The real program is in no package registry. Both programs of that name can be played; the model is
really loaded and run, on the cores that `taskset` left, so that times, failures and exit codes are
real where it can make them so. `STAND_IN` in the environment chooses:

    tflite   TensorFlow Lite's program, without percentiles (default)
    litert   LiteRT's program, with percentiles

If `STAND_IN_DELEGATED` is `completely` or `partially`, the first says that a delegate took so much
of the model; otherwise the host has no delegate.
"""

import os
import sys
import time

KIND = os.environ.get("STAND_IN", "tflite")
FLAGS = {
    "graph": "",
    "num_runs": 50,
    "warmup_runs": 1,
    "num_threads": -1,
    "min_secs": 1.0,
    "warmup_min_secs": 0.5,
    "max_secs": 150.0,
    "run_delay": -1.0,
    "result_file_path": "",
    "use_gpu": False,
}
FLAGS |= (
    {"use_cpu": True, "use_npu": False, "require_full_delegation": False, "use_profiler": False}
    if KIND == "litert"
    else {
        "use_nnapi": False,
        "use_xnnpack": True,
        "enable_op_profiling": False,
        "require_full_delegation": False,
        "use_hexagon": False,
    }
)


def say(text, level="INFO"):
    print(f"{level}: {text}" if KIND == "tflite" else text, file=sys.stderr, flush=True)


def parse(arguments):
    values, unknown, seen = dict(FLAGS), [], set()
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        # As the program does: the first of two equal flags counts, and the second is left over.
        if name not in FLAGS or name in seen:
            unknown.append(argument)
            continue
        seen.add(name)
        if isinstance(FLAGS[name], bool):
            values[name] = value in ("true", "1")
        else:
            values[name] = type(FLAGS[name])(value)
    return values, unknown


def usage():
    lines = [f"\t--{name}={default}\t...\toptional" for name, default in FLAGS.items()]
    say("usage: benchmark_model <flags>\nFlags:\n" + "\n".join(lines), "ERROR")


def statistics(times_us):
    """One line, as tensorflow/core/util/stats_calculator.h writes it."""
    if not times_us:
        return "count=0"
    count, newest = len(times_us), times_us[-1]
    if len(set(times_us)) == 1:
        line = f"count={count} curr={newest}" + ("(all same)" if count > 1 else "")
    else:
        mean = sum(times_us) / count
        deviation = (sum(t * t for t in times_us) / count - mean * mean) ** 0.5
        line = (
            f"count={count} first={times_us[0]} curr={newest} min={min(times_us)} "
            f"max={max(times_us)} avg={mean:.6g} std={int(deviation)}"
        )
    if KIND == "litert":
        ordered = sorted(times_us)
        p5, median, p95 = (ordered[min(count - 1, count * p // 100)] for p in (5, 50, 95))
        line += f" p5={p5} median={median} p95={p95}"
    return line


def run(interpreter, runs, min_secs, max_secs):
    say(
        f"Running benchmark for at least {runs} iterations and at least {min_secs:g} seconds but "
        f"terminate if exceeding {max_secs:g} seconds."
    )
    times_us, begin = [], time.monotonic()
    while len(times_us) < runs or time.monotonic() - begin < min_secs:
        if time.monotonic() - begin > max_secs:
            break
        start = time.perf_counter_ns()
        interpreter.invoke()
        times_us.append(max(1, (time.perf_counter_ns() - start) // 1000))
    say(statistics(times_us) + "\n")
    return times_us


def main(arguments):
    if arguments == ["--help"]:
        usage()
        return 1
    say("STARTING!")
    flags, unknown = parse(arguments)
    if unknown:
        say(f"Unconsumed cmdline flags: {' '.join(unknown)}", "WARN")
    say(f"Graph: [{flags['graph']}]")
    start = time.perf_counter_ns()
    try:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(flags["graph"], num_threads=max(1, flags["num_threads"]))
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        say(f"Failed to load model {flags['graph']}", "ERROR")
        say("Benchmarking failed.", "ERROR")
        return 1
    extent = os.environ.get("STAND_IN_DELEGATED")
    if extent and (flags["use_gpu"] or flags.get("use_hexagon")):
        if flags["require_full_delegation"] and extent == "partially":
            say("Disallowed CPU fallback detected.", "ERROR")
            say("Benchmarking failed.", "ERROR")
            return 1
        name = "GPU" if flags["use_gpu"] else "Hexagon"
        say(
            f"Explicitly applied {name} delegate, and the model graph will be {extent} executed by "
            "the delegate."
        )
    elif flags["use_gpu"] or flags.get("use_nnapi"):
        if KIND == "litert" and flags["require_full_delegation"]:
            say("Failed to compile model.", "ERROR")
            return 1
        # What a host without the delegate prints before it runs the model on the CPU after all.
        say("GPU acceleration is unsupported on this platform.", "ERROR")
    initialized = (time.perf_counter_ns() - start) // 1000
    say(f"Initialized session in {initialized / 1e3:g}ms.")
    limit = flags["max_secs"]
    warmup = run(interpreter, flags["warmup_runs"], flags["warmup_min_secs"], limit)
    times = run(interpreter, flags["num_runs"], flags["min_secs"], limit)
    if KIND == "tflite":
        say(
            f"Inference timings in us: Init: {initialized}, First inference: {warmup[0]}, "
            f"Warmup (avg): {sum(warmup) / len(warmup):.6g}, "
            f"Inference (avg): {sum(times) / len(times):.6g}"
        )
    else:
        say(f"Inference (avg):      {sum(times) / len(times) / 1e3:.2f} ms ({len(times)} runs)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

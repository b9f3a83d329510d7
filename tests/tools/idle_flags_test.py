"""Flags that would have no effect beside the others: refused before any work, by name."""

import pathlib

import pytest
import refusals

from tools.terminal import idle_flags

SEARCH = ("--workdir={}/new",)
NO_ALPHA = ("one_shot", "one_shot_single_path", "random")
LATENCIES = "--latency_model=pixel1"
# By tool: what every command has; and by flag, what makes it idle.
COMMANDS = {
    "search": (
        SEARCH,
        [
            *(("--arch_learning_rate=0.1", [f"--algorithm={name}"]) for name in NO_ALPHA),
            *(("--arch_period=3", [f"--algorithm={name}"]) for name in NO_ALPHA),
            ("--objective=add_linear", ["--algorithm=one_shot", LATENCIES, "--target_latency=0.5"]),
            ("--objective=mul_log", []),
            ("--reward=power", ["--algorithm=proxyless_reinforce"]),
            ("--reward=power", []),
            ("--reinforce_networks=3", ["--algorithm=darts"]),
            ("--path_dropout=0.5", ["--algorithm=one_shot_single_path"]),
            ("--evolution_population=3", []),
            ("--evolution_population=3", [f"--algorithm={NO_ALPHA[1]}", "--derive=estimate"]),
            ("--random_networks=3", ["--algorithm=one_shot"]),
            ("--finalist_epochs=2", []),
            ("--finalist_epochs=2", ["--finalists=1"]),
            ("--hard_limit", []),
            (LATENCIES, ["--target_macs=1e6"]),
            ("--device=local", []),
            ("--delegate=gpu", []),
            ("--recipe=int8", ["--target_macs=1e6"]),
            ("--num_threads=2", ["--target_params=1e4"]),
            ("--nosync_batch_norm", []),
        ],
    ),
    "train": (
        ("--workdir={}/new", "--child=proxyless_mobile"),
        [("--nosync_batch_norm", []), ("--sync_batch_norm", ["--distribute=none"])],
    ),
    "pipeline": (
        ("--workdir={}/new", "--preset=tiny"),
        [
            *((flag, ["--child=proxyless_mobile"]) for flag in (
                "--space=cifar", "--algorithm=darts", "--target_latency=0.5", "--hard_limit",
                "--warmup_epochs=1", "--search_epochs=2", "--networks=9", "--derive=estimate",
                "--finalists=2", "--reward=power",
            )),
            ("--target_latency_ms=5", ["--child=some.json"]),
            ("--random_networks=2", ["--algorithm=darts"]),
            ("--delegate=gpu", []),
            ("--cpu_mask=f0", ["--device=local"]),
        ],
    ),
    "compare_search": (
        ("--workdir={}/new", LATENCIES),
        [
            ("--arch_learning_rate=0.1", ["--algorithms=random,one_shot"]),
            ("--train_repeats=2", ["--train_epochs=0"]),
            ("--num_threads=2", ["--train_epochs=0"]),
            ("--reward=power", ["--algorithms=darts"]),
        ],
    ),
    "benchmark": (
        ("--output={}/new.jsonl", "--models=a.tflite"),
        [
            (flag, [])
            for flag in (
                "--recipe=int8", "--networks=9", "--parts=9", "--num_classes=3", "--resolution=9",
                "--input_channels=1",
            )
        ],
    ),
    "benchmark_supernet": (
        ("--output={}/new.json",),
        [
            ("--growth=1,2", ["--measure=times"]),
            ("--paths=2", ["--measure=memory,growth"]),
            ("--memory_processes=2", ["--measure=times,growth"]),
            ("--rounds=2", ["--measure=memory"]),
            ("--seed=2", ["--measure=growth"]),
        ],
    ),
    "prepare_data": ((), [("--manual_dir=x", ["--dataset=folder:{}"])]),
    "export_tflite": (
        ("--workdir={}/new", "--model=none.keras"),
        [
            ("--calibration_images=9", ["--recipes=float32,float16"]),
            ("--fine_tune_epochs=2", []),
            ("--fine_tune_batch_size=2", ["--recipes=int8"]),
            ("--fine_tune_learning_rate=0.1", ["--recipes=int8"]),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("tool", COMMANDS)
def test_a_flag_without_an_effect_is_refused_by_its_name(tool, tmp_path):
    always, rows = COMMANDS[tool]
    asked = [[text.format(tmp_path) for text in (*always, *more, flag)] for flag, more in rows]
    received = refusals.received(tool, asked)
    wrong = []
    for (flag, more), refusal in zip(rows, received, strict=True):
        name = flag.removeprefix("--").partition("=")[0]
        known = any(word in refusal for word in (name, name.removeprefix("no")))
        if not known or "leave" not in refusal or "\n" in refusal:
            wrong.append(f"{flag} {more}: {refusal}")
    assert not wrong, "\n".join(wrong)
    assert not list(pathlib.Path(tmp_path).iterdir())


def test_a_rule_names_the_flag_and_what_it_needs():
    from absl import flags

    values = flags.FlagValues()
    flags.DEFINE_integer("size", 1, "", flag_values=values)
    values(["x", "--size=1"])
    rule = idle_flags.Rule(["size", "other"], False, "with a picture", "it with a sound")
    with pytest.raises(ValueError) as caught:
        idle_flags.check(rule, values=values)
    assert str(caught.value) == (
        "size: expected it with a picture, received it with a sound; leave --size out"
    )
    idle_flags.check(rule._replace(is_used=True), values=values)
    values.unparse_flags()
    values(["x"])
    idle_flags.check(rule, values=values)

"""Prints the results of `tools.benchmark_supernet` as a table."""

from typing import Any

from tools.terminal import console

# Label of a step in the table, its key for seconds, and its key for peak memory.
_ROWS = (
    ("child, stock Keras layers", "child", None),
    ("child, the same kernels", "child_same_kernels", "child"),
    ("supernet, weight step", "weight", "supernet"),
    ("  architecture step, two paths", "arch_two", "arch_two"),
    ("  architecture step, exact", "arch_full", "arch_full"),
    ("  architecture step, REINFORCE, 10 networks", "arch_reinforce", "arch_reinforce"),
    ("  DARTS mixture of all paths", "darts", "darts"),
    ("  One-Shot sum of all paths", "one_shot", "one_shot"),
)


def show(found: dict[str, Any]) -> None:
    """Prints the results in `found`, which may be incomplete."""
    memory, tensors = found.get("peak_memory_mib", {}), found.get("peak_tensors_mib", {})
    ratios = found | ({"weight_ratio": 1.0} if "weight_step_s" in found else {})
    cells = [
        (
            name,
            found.get(f"{step}_step_s", ""),
            ratios.get(f"{step}_ratio", ""),
            round(memory[kind]) if kind in memory else "",
            round(tensors[kind]) if kind in tensors else "",
        )
        for name, step, kind in _ROWS
        if kind != "darts" or "darts_step_s" in found or "darts" in memory
    ]
    console.title(f"{found['space']}, batch {found['batch_size']}, {found['resolution']} pixels")
    header = ["step", "seconds", "x weight step", "peak MiB", "of tensors"]
    console.say(console.table(header, cells))
    console.say()
    if "step_ratio" in found:
        console.say(
            f"weight step: {found['step_ratio']:.3f} x the child with stock layers, "
            f"{found['step_ratio_same_kernels']:.3f} x the child with the same kernels, "
            f"{found['images_per_s']:.4g} images/s"
        )
        console.say(
            f"first use: {found['trace_s']:.3g} s to trace, {found['first_step_s']:.3g} s for the "
            "first step"
        )
    if memory:
        of_tensors = found.get("peak_tensors_ratio")
        console.say(
            f"peak memory: {found['peak_memory_ratio']:.3f} x the child's"
            + (f"; tensors alone: {of_tensors:.3f} x" if of_tensors else "")
        )

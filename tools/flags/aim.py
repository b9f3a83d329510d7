"""Flags for the target of a search: a latency or another cost, to reach or as a limit."""

import dataclasses
from typing import Any

from absl import flags

from tools.terminal import idle_flags

_MODEL = flags.DEFINE_string("latency_model", None, "File written by tools.fit_latency, or pixel1.")
_DEVICE = flags.DEFINE_string(
    "device", None, "Refuse a latency model of another device; adb accepts any phone."
)
_DELEGATE = flags.DEFINE_string("delegate", None, "Refuse a latency model of another delegate.")
_ARGS = flags.DEFINE_string(
    "benchmark_args",
    None,
    "Refuse a latency model of other further options of benchmark_model; none for none.",
)
_RECIPE = flags.DEFINE_string(
    "recipe",
    None,
    "Refuse a latency model of another recipe. With --target_bytes: the recipe whose bytes count.",
)
_THREADS = flags.DEFINE_integer(
    "num_threads", None, "Refuse a latency model of another number of threads.", lower_bound=1
)
_TARGETS = {
    "latency_ms": flags.DEFINE_float(
        "target_latency_ms",
        0.0,
        "Target latency in milliseconds; 0 searches for accuracy alone.",
        lower_bound=0.0,
    ),
    "macs": flags.DEFINE_float(
        "target_macs", 0.0, "Instead: target number of multiply-accumulates.", lower_bound=0.0
    ),
    "params": flags.DEFINE_float(
        "target_params", 0.0, "Instead: target number of trainable parameters.", lower_bound=0.0
    ),
    "bytes": flags.DEFINE_float(
        "target_bytes",
        0.0,
        "Instead: target size in bytes of the weights, as --recipe writes them.",
        lower_bound=0.0,
    ),
}
_RELATIVE = flags.DEFINE_float(
    "target_latency",
    None,
    "Instead: target latency as a fraction; 0 is the space's fastest child, 1 its slowest.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_HARD_LIMIT = flags.DEFINE_bool(
    "hard_limit",
    False,
    "Treat the target as a limit that the child's predicted cost never exceeds.",
)
_OBJECTIVE = flags.DEFINE_string(
    "objective",
    "target",
    "Objective of alpha: target reaches the target; add_linear and mul_log weigh latency against "
    "accuracy.",
)

# Bytes of one kernel value, and of one channel: its bias, and for int8 its scale and zero point.
_BYTES = {"float32": (4, 4), "float16": (2, 2), "dynamic_range": (1, 16), "int8": (1, 16)}


@dataclasses.dataclass(frozen=True)
class Aim:
    """The target given by the flags, checked as far as possible without a data set.

    Attributes:
        quantity: as in `nas.choices.chain_costs.ChainCosts`.
        target: value of that quantity; 0 for no target or a relative one.
        relative: the target as a fraction, from 0 for the cheapest child to 1 for the most
            expensive; None if not given.
        latency_model: the latency model; None if not given.
    """

    quantity: str
    target: float
    relative: float | None
    latency_model: Any

    @property
    def settings(self) -> dict[str, Any]:
        """The fields of `SearchConfig` that these flags set, except the target."""
        return {"objective": _OBJECTIVE.value, "is_limit": _HARD_LIMIT.value}

    def costs(self, space: Any) -> Any:
        """The costs of the networks of `space`, `ChainCosts`; None without a latency model."""
        from nas.choices import space_costs

        self._check_support(space)
        if self.quantity == "latency_ms":
            if self.latency_model is None:
                return None
            return self.latency_model.costs(space)
        if self.quantity == "macs":
            return space_costs.macs_of(space)
        if self.quantity == "params":
            return space_costs.params_of(space)
        return space_costs.bytes_of(space, *_BYTES[_RECIPE.value or "float32"])

    def _check_support(self, space: Any) -> None:
        """Refuses a space with an operation that the recipe of the latency model cannot write."""
        from export import support

        model = self.latency_model
        recipe = _RECIPE.value if model is None else model.recipe_
        if recipe is not None:
            support.check(space, recipe)

    def cautions(self, space: Any) -> list[str]:
        """Sentences about the parts of `space` for which the latency model has only an estimate."""
        from latency_models.measuring import parts

        if self.latency_model is None or self.quantity != "latency_ms":
            return []
        return self.latency_model.cautions(parts.space_parts(space))

    def resolve(self, latencies: Any) -> float:
        """The target in its own unit, checked against the range of `latencies`; 0 for none."""
        if latencies is None:
            return 0.0
        target = self.target if self.relative is None else latencies.at(self.relative)
        if target:
            latencies.check_target(target)
        return target


def flags_given() -> dict[str, Any]:
    """Values of these flags as given, for a work dir's `config.json`."""
    holders = (_MODEL, _RELATIVE, _HARD_LIMIT, _OBJECTIVE, *_TARGETS.values())
    return {flag.name: flag.value for flag in holders}


def input_files() -> list[str]:
    """Files that the flags name."""
    return [_MODEL.value] if _MODEL.value and _MODEL.value.endswith(".json") else []


def check_flags() -> None:
    """Refuses flags that contradict each other; imports nothing heavy."""
    given = [f"--{flag.name}" for flag in _TARGETS.values() if flag.value]
    given += ["--target_latency"] if _RELATIVE.value is not None else []
    if len(given) > 1:
        raise ValueError(f"expected one target, received {' and '.join(given)}; leave one out")
    of_latency = [flag for flag in given if flag.startswith("--target_latency")]
    if of_latency and _MODEL.value is None:
        raise ValueError(
            "latency_model: expected a file written by tools.fit_latency, since a target latency "
            "is given, received none; benchmark and fit one, or leave the target out"
        )
    idle_flags.check(
        idle_flags.Rule(
            ["latency_model"],
            not set(given) - set(of_latency),
            "without a target of another kind",
            f"it with {' and '.join(given)}",
        ),
        idle_flags.Rule(["objective", "reward"], bool(given), "with a target"),
    )
    compared: list[Any] = [_DEVICE, _DELEGATE, _THREADS, _ARGS]
    compared += [] if _TARGETS["bytes"].value else [_RECIPE]
    for flag in compared:
        if flag.value is not None and _MODEL.value is None:
            raise ValueError(
                f"{flag.name}: expected --latency_model with it, since it is compared with that, "
                "received none; leave it out"
            )
    if _HARD_LIMIT.value and not given:
        raise ValueError(
            "hard_limit: expected a target with it, received none; give a target, or leave "
            "--hard_limit out"
        )
    if _TARGETS["bytes"].value and (_RECIPE.value or "float32") not in _BYTES:
        raise ValueError(
            f"recipe: expected one of {', '.join(_BYTES)} with --target_bytes; "
            f"received {_RECIPE.value!r}"
        )


def read() -> Aim:
    """Reads and checks the latency model, and returns the target that the flags give."""
    import latency_models
    from nas import objectives

    objectives.check_name(_OBJECTIVE.value)
    quantities = [name for name, flag in _TARGETS.items() if flag.value]
    quantity = quantities[0] if quantities else "latency_ms"
    latency_model = None
    if _MODEL.value is not None:
        latency_model = latency_models.load(_MODEL.value)
        _check_use(latency_model)
    return Aim(quantity, _TARGETS[quantity].value, _RELATIVE.value, latency_model)


def _check_use(latency_model: Any) -> None:
    """Refuses a latency model whose device, recipe, threads or options differ from the flags."""
    from latency_models.devices.android import benchmark_args

    own = latency_model.to_dict()
    wanted = {"device": _DEVICE.value, "recipe": _RECIPE.value, "num_threads": _THREADS.value}
    if _DEVICE.value == "adb" and own["device"].startswith("adb:"):
        wanted["device"] = None
    latency_model.check(**{k: own[k] if value is None else value for k, value in wanted.items()})
    if _DELEGATE.value not in (None, own["delegate"]):
        raise ValueError(
            f"the latency model was measured with delegate {own['delegate']}, received delegate "
            f"{_DELEGATE.value}; use --delegate={own['delegate']}, or benchmark and fit again"
        )
    options = own.get("benchmark_args", "")
    if _ARGS.value is not None and benchmark_args.normal(_ARGS.value) != options:
        raise ValueError(
            f"the latency model was measured with benchmark_args {options or 'none'}, received "
            f"benchmark_args {_ARGS.value}; use --benchmark_args={options or 'none'!r}, or "
            "benchmark and fit again"
        )

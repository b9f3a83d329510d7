"""How a convolution in a `.tflite` file ends; `ENDINGS` has a row for each activation."""

import dataclasses

from ai_edge_litert import schema_py_generated as schema

_FUSED = schema.ActivationFunctionType


@dataclasses.dataclass(frozen=True)
class Ending:
    """An activation in a `.tflite` file.

    Attributes:
        fused: what the options of the convolution say; by default none.
        operator: name of an operator of its own that follows the convolution; None for none.
        least: the least value that it returns.
        most: the largest value that it returns.
        share: root mean square of its output over that of its input.
    """

    fused: int = _FUSED.NONE
    operator: str | None = None
    least: float = -float("inf")
    most: float = float("inf")
    share: float = 1.0

    def after(self, low: float, high: float, rms: float) -> tuple[float, float, float]:
        """Returns least value, largest value and root mean square after the activation."""
        return max(low, self.least), min(high, self.most), self.share * rms


# The root mean square of max(x, 0) for x of a normal distribution around 0.
_HALF = 0.5**0.5

ENDINGS: dict[str | None, Ending] = {
    None: Ending(),
    "relu": Ending(fused=_FUSED.RELU, least=0.0, share=_HALF),
    "relu6": Ending(fused=_FUSED.RELU6, least=0.0, most=6.0, share=_HALF),
    # Its minimum is at x = -1.5. Inside its limits it is x (x + 3) / 6, which has the root mean
    # square sqrt(3 + 9) / 6 if x has a standard normal distribution.
    "hard_swish": Ending(operator="HARD_SWISH", least=-0.375, share=3.0**-0.5),
}

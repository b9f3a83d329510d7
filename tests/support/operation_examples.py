"""Examples of every kind of operation, for the contract tests."""

from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip

# Different operations of every kind. The contract test fails for a kind without examples.
EXAMPLES = {
    MBConv: [
        MBConv(3, 1),
        MBConv(5, 3, "relu"),
        MBConv(7, 2),
        MBConv(3, 2.5, "hard_swish"),
        MBConv(3, 3, se_ratio=0.25),
        MBConv(5, 1, "relu", se_ratio=0.5),
    ],
    FusedMBConv: [FusedMBConv(3, 1), FusedMBConv(3, 2, "relu"), FusedMBConv(5, 2, se_ratio=0.5)],
    UIB: [UIB(0, 0, 2), UIB(3, 0, 2), UIB(0, 5, 1), UIB(5, 3, 2, "relu")],
    Skip: [Skip()],
}
OPERATIONS = [op for examples in EXAMPLES.values() for op in examples]

"""Examples of every kind of operation, for the contract tests."""

from nas.architecture.operations import MBConv, Skip

# Different operations of every kind. The contract test fails for a kind without examples.
EXAMPLES = {
    MBConv: [MBConv(3, 1), MBConv(5, 3, "relu"), MBConv(7, 2)],
    Skip: [Skip()],
}
OPERATIONS = [op for examples in EXAMPLES.values() for op in examples]

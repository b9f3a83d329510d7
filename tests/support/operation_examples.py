"""Examples of every kind of operation, for the contract tests."""

from nas.architecture.operations import MBConv, Skip

# Of every kind, one operation of each sort; the contract fails for a kind that has none.
EXAMPLES = {
    MBConv: [MBConv(3, 1), MBConv(5, 3, "relu"), MBConv(7, 2)],
    Skip: [Skip()],
}
OPERATIONS = [op for examples in EXAMPLES.values() for op in examples]

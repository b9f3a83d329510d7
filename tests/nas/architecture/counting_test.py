from nas.architecture import counting, spaces


def test_bytes_of_a_block_by_hand():

    block = next(b for b in spaces.SPACES["tiny"].slots[0].blocks if b.stages)
    kernels = sum(kernel.size for stage in block.stages for kernel in stage.kernels)
    channels = sum(stage.output_width for stage in block.stages)
    assert counting.block_bytes(block, 1, 16) == kernels + 16 * channels
    assert counting.block_bytes(block, 4, 4) == 4 * kernels + 4 * channels

"""Runs the released PyTorch supernet step by step, for `tools.compare_reference`.

It runs in its own process, with a Python that has PyTorch, numpy and PyYAML. It imports none of our
modules:

    python tools/experiments/steps/reference_supernet.py CHECKOUT BATCH_SIZE RESOLUTION THREADS

For every line `weight` or `two` on stdin it makes that step on newly sampled paths, as the released
search does, and prints the seconds. The first line it prints has the number of weights and the
version of PyTorch.
"""

import pathlib
import sys
import time
from collections.abc import Callable

CANDIDATES = [f"{k}x{k}_MBConv{e}" for k in (3, 5, 7) for e in (3, 6)]


def make_steps(batch_size: int, resolution: int) -> tuple[int, dict[str, Callable[[], None]]]:
    """Returns the number of weights and both steps, with the released search's default settings.

    Args:
        batch_size: number of noise images per step.
        resolution: height and width of the images in pixels.
    """
    import torch
    from models.super_nets.super_proxyless import SuperProxylessNASNets
    from modules.mix_op import MixedEdge
    from utils import cross_entropy_with_label_smoothing

    torch.manual_seed(0)
    widths, depths, strides = [24, 40, 80, 96, 192, 320], [4, 4, 4, 4, 4, 1], [2, 2, 2, 1, 2, 1]
    net = SuperProxylessNASNets(widths, depths, CANDIDATES, strides)
    net.init_arch_params()
    net.train()
    weights = list(net.weight_parameters())
    optimizer = torch.optim.SGD(weights, 0.025, momentum=0.9, nesterov=True, weight_decay=4e-5)
    arch_optimizer = torch.optim.Adam(list(net.architecture_parameters()), 1e-3, betas=(0.0, 0.999))
    images = torch.rand(batch_size, 3, resolution, resolution) * 2 - 1
    labels = torch.randint(1000, [batch_size])

    def forward_and_backward(loss_of: Callable) -> None:
        net.reset_binary_gates()
        net.unused_modules_off()
        loss = loss_of(net(images), labels)
        net.zero_grad()
        loss.backward()

    def weight() -> None:
        forward_and_backward(cross_entropy_with_label_smoothing)
        optimizer.step()
        net.unused_modules_back()

    def two() -> None:
        MixedEdge.MODE = "two"
        forward_and_backward(torch.nn.functional.cross_entropy)
        net.set_arch_param_grad()
        arch_optimizer.step()
        net.rescale_updated_arch_param()
        net.unused_modules_back()
        MixedEdge.MODE = None

    return sum(weight.numel() for weight in weights), {"weight": weight, "two": two}


def main() -> None:
    """Makes the steps named on stdin until it ends."""
    checkout, *numbers = sys.argv[1:]
    batch_size, resolution, threads = map(int, numbers)
    sys.path.insert(0, str(pathlib.Path(checkout) / "search"))
    answers, sys.stdout = sys.stdout, sys.stderr
    import torch

    torch.set_num_threads(threads)
    num_weights, steps = make_steps(batch_size, resolution)
    print(num_weights, torch.__version__, file=answers, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        steps[line.strip()]()
        print(time.perf_counter() - start, file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Runs a tool whose worker processes are forked where it would start Python anew for each.

    python -m forking_pools tools.benchmark_supernet --flag=value

For tools whose own process runs no operation of TensorFlow before its workers are there.
"""

import multiprocessing
import runpy
import sys

if __name__ == "__main__":
    context = multiprocessing.get_context
    multiprocessing.get_context = lambda method=None: context("fork")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

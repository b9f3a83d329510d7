"""Runs a tool with worker processes that are forked, instead of started as new Python processes.

    python -m forking_pools tools.benchmark_supernet --flag=value

The process of the tool must not run an operation of TensorFlow before it has started its workers.
"""

import multiprocessing
import runpy
import sys

if __name__ == "__main__":
    context = multiprocessing.get_context
    multiprocessing.get_context = lambda method=None: context("fork")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

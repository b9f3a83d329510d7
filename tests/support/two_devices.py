"""Runs a tool on a machine of two devices: `python -m two_devices tools.pipeline --flag ...`.

The CPU becomes two devices of TensorFlow, as a machine with two GPUs has them.
"""

import runpy
import sys

import tensorflow as tf

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)

"""Devices on which models are timed: this machine, and phones through adb."""

from latency_models.devices.protocol import Device, DeviceError, ModelError, Session, read_model

__all__ = ["Device", "DeviceError", "ModelError", "Session", "read_model"]

"""Where models are timed: this machine, or phones through adb."""

from latency_models.devices.protocol import Device, DeviceError, Session, read_model

__all__ = ["Device", "DeviceError", "Session", "read_model"]

"""Phones, driven through adb."""

"""Android phones as devices, driven through adb."""

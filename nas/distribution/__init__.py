"""Several devices and hosts that train one network."""

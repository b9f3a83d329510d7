"""The weights of the candidates of a layer, at all widths, and the mixed op that runs one."""

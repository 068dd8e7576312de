"""The pure pricing core: no clock, no settings, no I/O; values in, values out."""

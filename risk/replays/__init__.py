"""Replay stored history into a market of its own, beside the live one and without its servers."""

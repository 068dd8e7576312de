"""Evaluate limits on every published result, in order and with exactly one effect each."""

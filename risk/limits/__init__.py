"""Evaluate limits on every published result, in order and exactly once by effect."""

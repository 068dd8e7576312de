"""Stored and synthetic market history: daily curves, fixings and intraday paths."""

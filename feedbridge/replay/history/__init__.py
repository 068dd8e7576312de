"""Stored and synthetic market history: daily curves and fixings."""

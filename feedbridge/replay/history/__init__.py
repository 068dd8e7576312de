"""Stored and synthetic market history in, daily curves, fixings and intraday paths out."""

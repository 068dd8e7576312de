"""Hedges: which trades of a list flatten a ladder."""

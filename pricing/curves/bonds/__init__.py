"""Bonds as quotes of curves: their flows, their yields, and curves of few parameters."""

"""Limits on exposures: what may be limited, in which scope, and which state a number is in."""

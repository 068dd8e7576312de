"""The monotone convex interpolation of forward rates."""

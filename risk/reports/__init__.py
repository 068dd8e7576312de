"""Reports of a stored day: risk, P&L explain, value at risk, limits and breaches by desk."""

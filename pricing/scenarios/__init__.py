"""Scenarios, value at risk and expected shortfall by full revaluation."""

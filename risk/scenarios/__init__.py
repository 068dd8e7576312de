"""Live scenarios, value at risk and expected shortfall of the published frames."""

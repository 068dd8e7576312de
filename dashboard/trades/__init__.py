"""The blotter and the page of one trade as view models."""

"""Swaps beside the fixed-floating one: two modules for each product, and the legs they share."""

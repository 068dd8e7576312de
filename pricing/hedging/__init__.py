"""Find the trades that flatten a ladder, from a list of instruments."""

"""Futures: contract dates, terms and flows of interest-rate futures, and conversion factors."""

"""Bonds beside the fixed-rate one: one module of terms and one of flows per product."""

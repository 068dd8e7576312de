"""Payments that compound factors which do not telescope: by trade, and netted by group."""

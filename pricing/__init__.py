"""Market and trades in, risk numbers out."""

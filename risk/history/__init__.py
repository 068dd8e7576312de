"""Market history in PostgreSQL: closing curves as published, and what was known of them when."""

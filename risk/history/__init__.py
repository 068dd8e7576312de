"""Market history in PostgreSQL: closing curves as published, and when each became known."""

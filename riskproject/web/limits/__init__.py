"""Limits of requests that hold before Django sees them: size, time, and a share for each caller."""

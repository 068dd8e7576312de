"""Identify the dashboard's user and the desks that the user may see."""

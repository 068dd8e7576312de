"""The dashboard: published frames as live pages in the browser."""

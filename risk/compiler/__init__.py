"""Compile the database's trades into books in Redis."""

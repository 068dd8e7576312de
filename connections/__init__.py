"""Make clients of servers from their URLs; imports nothing of the project."""

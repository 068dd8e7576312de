"""Answers of REST, asked for with the user's own rights, as tables and lines of pages."""

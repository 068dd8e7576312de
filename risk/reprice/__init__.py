"""Price the book of an earlier time again, from what PostgreSQL holds."""

"""Readers of files in the layouts of official publishers: values in, values out, no database."""

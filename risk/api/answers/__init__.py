"""The tables that files of answers hold."""

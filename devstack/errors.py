"""Errors of servers, with messages that tell what to do."""


class StackError(Exception):
    """A server cannot be started or reached; the message says what to do."""

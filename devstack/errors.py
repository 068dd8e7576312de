"""Errors of servers, with messages that tell what to do."""


class StackError(Exception):
    """A server cannot be had; the message is one sentence that says what to do."""

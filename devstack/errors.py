"""What can go wrong with a server, said so that a person can act on it."""


class StackError(Exception):
    """A server cannot be had; the message is one sentence that says what to do."""

"""Replay stored history into a separate market, without the servers of the live one."""

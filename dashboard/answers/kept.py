"""Keep answers of REST in the session: a page that refreshes does not ask each time."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from dashboard.access import auth
from dashboard.answers import rest

KEPT = "kept_answers"
MOST = 64
REFUSED_S = 5.0
"""Seconds for which a refusal is kept: shorter than for an answer, because its cause may have
passed."""


def asked(path: str, for_s: float) -> dict[str, Any] | str:
    """The answer of an address below /api/v1/, or the sentence of its refusal.

    Args:
        path: With its query.
        for_s: An answer that is older is asked for again; seconds.
    """
    kept: dict[str, tuple[float, dict[str, Any] | str]] = st.session_state.setdefault(KEPT, {})
    now_s = time.monotonic()
    at_s, answer = kept.get(path, (float("-inf"), ""))
    if now_s - at_s > (min(for_s, REFUSED_S) if isinstance(answer, str) else for_s):
        if len(kept) >= MOST:
            kept.clear()
        answer = rest.ask(auth.web(), auth.cookie(), path, method="GET")
        kept[path] = (now_s, answer)
    return answer

"""Keep answers of REST in the session: a page that refreshes does not ask each time."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from dashboard.access import auth
from dashboard.answers import rest

KEPT = "kept_answers"
MOST = 64
REFUSED_S, SLOWLY_REFUSED_S, SLOW_S = 5.0, 30.0, 1.0
"""Seconds for which a refusal is kept: shorter than for an answer, because its cause may have
passed; and of one that took longer than ``SLOW_S``, for which a page waited."""


def asked(path: str, for_s: float) -> dict[str, Any] | str:
    """The answer of an address below /api/v1/, or the sentence of its refusal.

    Args:
        path: With its query.
        for_s: An answer that is older is asked for again; seconds.
    """
    kept: dict[str, tuple[float, dict[str, Any] | str]] = st.session_state.setdefault(KEPT, {})
    asked_s = time.monotonic()
    until_s, answer = kept.get(path, (float("-inf"), ""))
    if asked_s > until_s:
        if len(kept) >= MOST:
            kept.clear()
        answer = rest.ask(auth.web(), auth.cookie(), path, method="GET")
        now_s = time.monotonic()
        refused_s = SLOWLY_REFUSED_S if now_s - asked_s > SLOW_S else REFUSED_S
        kept[path] = (now_s + (min(for_s, refused_s) if isinstance(answer, str) else for_s), answer)
    return answer

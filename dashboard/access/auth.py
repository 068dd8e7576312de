"""Identify the user of the browser's session, or show a page that says why nothing is shown.

``viewer`` is called before every page (``app.py``) and before all data (``screen.reader``): no page
and no refresh draws anything for a cookie that the web process does not accept at that moment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn
from urllib.parse import urlsplit

import streamlit as st

from dashboard import theme
from dashboard.access.login import COOKIE, Answer, Refusal, Sessions, Viewer, Web

SEEN = "viewer"
TRY_AGAIN_S = 3
LOGIN = "/accounts/login/"

NO_URL = (
    "**WEB_URL is not set or no HTTP URL.** The dashboard asks the web process there who is "
    "logged in, and shows nothing without it. `make demo` sets it; by hand: "
    "`WEB_URL=http://127.0.0.1:8000`"
)
SENTENCES = {
    Refusal.NO_LOGIN: ("Log in to see risk.", "Log in"),
    Refusal.NO_ROLE: (
        "Your user has no role that may read risk; ask an administrator for one.",
        "Your login",
    ),
    Refusal.AWAY: (
        "The web process does not answer, so nobody's login can be checked, and nothing is "
        "shown. This page retries automatically.",
        "",
    ),
}


def web() -> Web:
    """The web process.

    Raises:
        ValueError: WEB_URL is not set or no HTTP URL.
    """
    return Web(os.environ.get("WEB_URL", ""))


@st.cache_resource(show_spinner=False)
def _sessions(url: str) -> Sessions:
    return Sessions(Web(url).ask)


def cookie() -> str:
    """The browser's session key; "" when it sent none."""
    return st.context.cookies.get(COOKIE, "")


def viewer(page: str = "") -> Viewer:
    """Return the current user, or show why nothing is shown and stop the script.

    When the user changes, as after a logout or a change of desks, the whole page is redrawn with
    an empty session: filters name desks and are outside of the part that refreshes.

    Args:
        page: Page to return to after a login; "" for the first page.
    """
    found, before = _answer(), st.session_state.get(SEEN)
    if before is not None and before != found:
        st.session_state.clear()
        st.rerun()
    if not isinstance(found, Viewer):
        _refuse(found, page)
    st.session_state[SEEN] = found
    return found


def _answer() -> Answer:
    try:
        sessions = _sessions(os.environ.get("WEB_URL", ""))
    except ValueError:
        st.error(NO_URL)
        st.stop()
    return sessions.answer(cookie())


def _refuse(why: Refusal, page: str) -> NoReturn:
    """The sentence, and the way to the login and back."""
    sentence, link = SENTENCES[why]
    st.html(theme.refusal(sentence, link, login_address(page) if link else ""))
    if why is Refusal.AWAY:
        _wait()
    st.stop()


@st.fragment(run_every=TRY_AGAIN_S)
def _wait() -> None:
    if _answer() is not Refusal.AWAY:
        st.rerun()


def web_address() -> str:
    """The web server as browsers reach it, without a slash at the end; "" when it is not known."""
    for name in ("WEB_PUBLIC_URL", "WEB_URL"):
        url = os.environ.get(name, "")
        if urlsplit(url).scheme in ("http", "https"):
            return url.rstrip("/")
    return ""


def login_address(page: str = "") -> str:
    """Web's login page as browsers reach it; a login there leads back to a page of these."""
    url = web_address()
    back = f"/dashboard/{page}/" if page else "/dashboard/"
    return f"{url}{LOGIN}?next={back}" if url else ""


def who(found: Viewer) -> str:
    """Return the user's name, with the desks unless all are visible."""
    note = "" if found.desks is None else own_desks(sorted(found.desks))
    return theme.account(found.user, login_address()) + (theme.note(note, NARROW) if note else "")


NARROW = (
    "Sums, trades, failures and profits are those of your desks alone. Lines over time begin "
    "with the first frame that this screen has seen: the kept history is of all desks together."
)


def own_desks(desks: Sequence[str]) -> str:
    """Return what a trader sees, in words."""
    if not desks:
        return "no desk yet: ask an administrator to add you to one"
    noun = "desk" if len(desks) == 1 else "desks"
    return f"{noun} {', '.join(desks)} only; charts since this screen started"

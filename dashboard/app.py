"""The script that Streamlit runs for each refresh of a page; ``server.py`` serves it."""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if sys.path[0] != str(ROOT):
    # Streamlit puts this file's folder first, where risk.py would hide the package `risk`.
    sys.path[:] = [str(ROOT), *(path for path in sys.path if path != str(ROOT))]

from dashboard import theme  # noqa: E402
from dashboard.access import auth  # noqa: E402
from dashboard.views import PAGES  # noqa: E402

st.set_page_config(page_title="Live Risk", page_icon=str(theme.ICON), layout="wide")
st.html(theme.css())
page = st.navigation(
    [
        st.Page(
            row.file,
            title=row.title,
            icon=f":material/{row.icon}:",
            default=row is PAGES[0],
            visibility="hidden" if row.hidden else "visible",
        )
        for row in PAGES
    ],
    position="top",
)
auth.viewer(page.url_path)
page.run()

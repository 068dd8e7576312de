"""The dashboard's entry point: ``streamlit run dashboard/app.py``."""

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

st.set_page_config(page_title="Live Risk", page_icon=str(theme.ICON), layout="wide")
st.html(theme.CSS)
# The folder must not be called "pages": Streamlit would run its files without this one.
page = st.navigation(
    [
        st.Page("views/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("views/trades.py", title="Trades", icon=":material/table_rows:"),
        st.Page("views/pipeline.py", title="Pipeline", icon=":material/conversion_path:"),
    ],
    position="top",
)
auth.viewer(page.url_path)
page.run()

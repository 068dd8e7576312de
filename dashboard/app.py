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
st.html(theme.css())
# The folder must not be called "pages": Streamlit would run its files without this one.
page = st.navigation(
    [
        st.Page("views/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("views/pnl.py", title="P&L", icon=":material/waterfall_chart:"),
        st.Page("views/trades.py", title="Trades", icon=":material/table_rows:"),
        st.Page("views/trade.py", title="Trade", icon=":material/receipt:", visibility="hidden"),
        st.Page("views/scenarios.py", title="Scenarios", icon=":material/query_stats:"),
        st.Page("views/curves.py", title="Curves", icon=":material/show_chart:"),
        st.Page("views/what_if.py", title="What-if", icon=":material/alt_route:"),
        st.Page("views/limits.py", title="Limits", icon=":material/speed:"),
        st.Page("views/replay.py", title="Replay", icon=":material/history:"),
        st.Page("views/pipeline.py", title="Pipeline", icon=":material/conversion_path:"),
    ],
    position="top",
)
auth.viewer(page.url_path)
page.run()

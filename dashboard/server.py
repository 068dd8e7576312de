"""The dashboard's server: ``streamlit run dashboard/server.py`` serves the pages of ``app.py``."""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit.file_util import get_static_dir
from streamlit.starlette import App

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dashboard.views import PAGES  # noqa: E402

SERVER_ADDRESS = """<head>
    <script>window.__streamlit = { BACKEND_BASE_URL: new URL(".", location.href).href }</script>"""
"""Tells Streamlit's script where its server is. Otherwise it looks for it below the page first, and
the browser reports these requests as errors in its console."""

INDEX = (Path(get_static_dir()) / "index.html").read_text().replace("<head>", SERVER_ADDRESS, 1)


def page(_: Request) -> HTMLResponse:
    """Streamlit's own page, whichever page of the dashboard was asked for."""
    return HTMLResponse(INDEX, headers={"Cache-Control": "no-cache"})


app = App("app.py", routes=[Route(f"/{row.name}", page) for row in PAGES])

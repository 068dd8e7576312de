"""The table of pages: one row for each, in the order of the navigation.

``app.py`` makes the navigation of it. Tests open each page of it, also as a trader who may see one
desk only.
"""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """A page of the dashboard.

    Attributes:
        name: Its file in this folder, without the ending, and its path in the address.
        title: Its name in the navigation.
        icon: Name of its icon among Material Symbols.
        reads_redis: It shows published frames; otherwise it asks the web process only.
        hidden: It is opened from another page, and is not in the navigation.
    """

    name: str
    title: str
    icon: str
    reads_redis: bool = True
    hidden: bool = False

    @property
    def file(self) -> str:
        """The file of the page, as Streamlit wants it: relative to ``app.py``."""
        # The folder must not be called "pages": Streamlit would run its files without app.py.
        return f"views/{self.name}.py"


PAGES = (
    Page("overview", "Overview", "monitoring"),
    Page("pnl", "P&L", "waterfall_chart"),
    Page("trades", "Trades", "table_rows"),
    Page("trade", "Trade", "receipt", hidden=True),
    Page("scenarios", "Scenarios", "query_stats"),
    Page("curves", "Curves", "show_chart"),
    Page("what_if", "What-if", "alt_route"),
    Page("limits", "Limits", "speed"),
    Page("replay", "Replay", "history", reads_redis=False),
    Page("pipeline", "Pipeline", "conversion_path"),
)
"""The pages in the order of the navigation; the first is opened by default."""

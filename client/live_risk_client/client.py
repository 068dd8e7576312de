"""The client: a method for each question that the API answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from live_risk_client import stream as streaming
from live_risk_client.connection import Connection, query
from live_risk_client.control import Control
from live_risk_client.decisions import Hedge, WhatIf
from live_risk_client.explains import Explains
from live_risk_client.table import Table, ladder_rows, with_units

URL = "http://127.0.0.1:8000"
URL_VARIABLE, TOKEN_VARIABLE = "LIVE_RISK_URL", "LIVE_RISK_TOKEN"
Json = dict[str, Any]
Words = str | Sequence[str] | None

CONTENT_TYPES = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
ADDRESSES = {"positions": "bond-positions"}
"""REST addresses of the tables whose address differs from their name."""


class Client(Control, Explains):
    """Calls of one user to one Live Risk.

    Amounts are in the currency that the column's name or the column ``amounts_in`` says. DV01 is
    what a fall of 1 bp earns. A number that could not be computed is None.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, timeout_s: float = 30.0
    ) -> None:
        """Connect with the first call.

        Args:
            url: Of the web server; default: the variable LIVE_RISK_URL, else this machine's.
            token: Of ``manage.py create_token``; default: the variable LIVE_RISK_TOKEN.
            timeout_s: Of each call.
        """
        self._timeout_s = timeout_s
        self._api = Connection(
            url or os.environ.get(URL_VARIABLE) or URL,
            token if token is not None else os.environ.get(TOKEN_VARIABLE, ""),
            timeout_s,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.http.close()

    @property
    def http(self) -> httpx.Client:
        """The HTTP client, for addresses that no method asks; paths are below ``/api/v1/``."""
        return self._api.http

    def session(self) -> Json:
        """Return the caller: ``user``, ``roles``, and ``desks`` (None: all)."""
        return dict(self._api.get("session/"))

    # --- Risk ---------------------------------------------------------------------------------

    def portfolio(
        self,
        *,
        group_by: Words = "currency",
        currency: Words = None,
        reporting_currency: str | None = None,
    ) -> Table:
        """Sums by group, without ladders; ``about`` has the frames and the FX."""
        answer = self._portfolio(group_by, currency, reporting_currency)
        return with_units(map(_flat, answer["groups"]), about=_about(answer))

    def ladders(
        self,
        kind: str = "ladder_par",
        *,
        group_by: Words = "currency",
        currency: Words = None,
        reporting_currency: str | None = None,
    ) -> Table:
        """A row for each group and bucket: ``ladder_par`` by quote, or ``krd`` by zero rate."""
        answer = self._portfolio(group_by, currency, reporting_currency)
        rows = (
            {**row, "amounts_in": group["amounts_in"]}
            for group in answer["groups"]
            for row in ladder_rows(_labels(group), group[kind], kind)
        )
        return with_units(rows, about=_about(answer))

    def _portfolio(self, group_by: Words, currency: Words, reporting: str | None) -> Json:
        return dict(
            self._api.get(
                "risk/portfolio/",
                group_by=group_by,
                currency=currency,
                reporting_currency=reporting,
            )
        )

    def trades(
        self,
        *,
        desk: str | None = None,
        book: str | None = None,
        type: str | None = None,
        currency: Words = None,
        status: str | None = None,
        search: str | None = None,
        ordering: str | None = None,
    ) -> Table:
        """All trades with their measures, of all pages; one without a number says why."""
        rows: list[Json] = []
        about: Any = None
        for page, found in self._api.pages(
            "risk/trades/",
            desk=desk,
            book=book,
            type=type,
            currency=currency,
            status=status,
            search=search,
            ordering=ordering,
        ):
            about = about or page["frames"]
            rows += found
        failures = (
            {**_flat(row), "failure": (row["failure"] or {}).get("message")} for row in rows
        )
        return with_units(failures, currency="currency", about=about)

    def trade(self, trade_id: str, *, now: bool = False) -> Json:
        """Return one trade with its ladders and cash flows; ``now`` prices it at once."""
        return dict(self._api.get(f"risk/trades/{trade_id}/", now=now or None))

    def history(
        self,
        *,
        currency: Words = None,
        start: Any = None,
        end: Any = None,
        interval_s: int | None = None,
    ) -> Table:
        """A row a frame, oldest first; with ``interval_s`` the last of each span."""
        answer = self._api.get(
            "risk/history/", currency=currency, from_=start, to=end, interval=interval_s
        )
        return with_units(answer["results"], currency="currency")

    def curves(self) -> Table:
        """A row a node of each curve: quote, zero rate and discount factor."""
        answer = self._api.get("curves/")
        return with_units(
            {"curve": curve["curve"], **node}
            for curve in answer["curves"]
            for node in curve["nodes"]
        )

    def stream(
        self,
        *,
        currency: Words = None,
        group_by: Words = None,
        events: Words = None,
        last_id: str = "",
    ) -> Iterator[streaming.Frame]:
        """Frames as they are published, for ever; a line that breaks is resumed by itself.

        Args:
            currency: Only these.
            group_by: Default: currency.
            events: ``risk`` (default), ``explain``, or both.
            last_id: ``id`` of the last frame that was seen: only newer ones come.
        """
        parameters = query({"currency": currency, "group_by": group_by, "events": events})

        def open_stream(event_id: str) -> Any:
            headers = {"Accept": "text/event-stream"}
            if event_id:
                headers["Last-Event-ID"] = event_id
            return self._api.http.stream(
                "GET",
                "stream/risk/",
                params=parameters,
                headers=headers,
                timeout=httpx.Timeout(self._timeout_s, read=streaming.SILENCE_S),
            )

        return streaming.frames(open_stream, last_id)

    # --- Decisions ----------------------------------------------------------------------------

    def quick_text(self, text: str) -> Table:
        """Return what lines of quick text mean, or why a line is not understood; prices nothing."""
        answer = self._api.post("what-if/text/", {"text": text})
        return Table(
            {
                "line": line["line"],
                "text": line["text"],
                "sentence": line["sentence"],
                "problem": (line["problem"] or {}).get("sentence"),
                "entry": line["entry"],
            }
            for line in answer["lines"]
        )

    def what_if(
        self,
        text: str = "",
        *,
        entries: Iterable[Mapping[str, Any]] = (),
        book: str = "",
        group_by: Words = None,
        reporting_currency: str | None = None,
        var: bool = False,
        limits: bool = False,
    ) -> WhatIf:
        """The book with trades that are not saved.

        Args:
            text: Quick text, an entry a line, such as ``rec 50m USD 10Y 3.85``.
            entries: Entries as objects, such as those of a hedge.
            book: Of new trades that name none.
            group_by: Of the sums; default: currency.
            reporting_currency: Converts the sums.
            var: Also what they do to VaR (``.answer["value_at_risk"]``).
            limits: Also which limits would change (``.answer["limits"]``).
        """
        body = {"text": text, "entries": [dict(entry) for entry in entries], "book": book}
        answer = self._api.post(
            "what-if/",
            {name: value for name, value in body.items() if value},
            group_by=group_by,
            reporting_currency=reporting_currency,
            var=var or None,
            limits=limits or None,
        )
        return WhatIf(answer)

    def save_set(
        self, code: str, entries: Iterable[Mapping[str, Any]], *, desk: str, name: str = ""
    ) -> Json:
        """Keep entries under a name, for a desk."""
        body = {"code": code, "name": name, "desk": desk, "entries": list(map(dict, entries))}
        return dict(self._api.post("what-if-sets/", body))

    def preview_set(self, code: str, *, group_by: Words = None) -> WhatIf:
        """Do the same as ``what_if``, and keep the solved values for booking."""
        return WhatIf(self._api.post(f"what-if-sets/{code}/preview/", group_by=group_by))

    def book_set(self, code: str) -> Json:
        """Write the entries of a set, as previewed, in one transaction."""
        return dict(self._api.post(f"what-if-sets/{code}/book/"))

    def hedge(
        self,
        currency: str,
        *,
        book: str,
        instruments: Iterable[str | Mapping[str, Any]] = (),
        objective: str = "notional",
        **options: Any,
    ) -> Hedge:
        """Trades that flatten the ladder of the book.

        Args:
            currency: Of the ladder.
            book: That the trades would be in.
            instruments: Texts such as ``USD 10Y`` or ``SR3H6``, or objects with ``instrument``,
                ``cost_bp``, ``lot`` and ``limit``; default: the par swaps of the curves.
            objective: Least ``notional`` or ``cost``, or the fewest ``trades``.
            **options: ``desk``, ``of_book``, ``type``, ``ladder``, ``buckets``, ``total``,
                ``tolerance`` (DV01), ``time_limit_s``.
        """
        body: Json = {"currency": currency, "book": book, "objective": objective, **options}
        chosen = list(instruments)
        return Hedge(self._api.post("hedge/", body | ({"instruments": chosen} if chosen else {})))

    # --- The security master -----------------------------------------------------------------

    def rows(self, table: str, **filters: Any) -> Table:
        """All rows of a table of the security master, such as ``books`` or ``swaps``."""
        path = f"{ADDRESSES.get(table, table)}/"
        return Table(row for _, rows in self._api.pages(path, **filters) for row in rows)

    # --- Loading ------------------------------------------------------------------------------

    def load(
        self,
        kind: str,
        rows: str | Path | Sequence[Mapping[str, Any]],
        *,
        dry_run: bool = False,
        partial: bool = False,
    ) -> Table:
        """Load many rows of a table: all of them, or, unless ``partial``, none.

        Args:
            kind: Table, such as ``swaps`` or ``positions``.
            rows: Mappings from column to value, or the path of a CSV or XLSX file.
            dry_run: Write nothing, and say what would change.
            partial: Write the good rows although others are bad.

        Returns:
            A row for each row: its number, id, status and changes.

        Raises:
            ApiError: Rows are wrong; ``errors`` and ``detail`` say which.
        """
        path = f"{ADDRESSES.get(kind, kind)}/bulk/"
        parameters = query({"dry_run": dry_run or None, "partial": partial or None})
        if isinstance(rows, str | Path):
            file = Path(rows)
            headers = {"Content-Type": CONTENT_TYPES.get(file.suffix.lower(), "text/csv")}
            answer = self._api.call(
                "POST", path, params=parameters, content=file.read_bytes(), headers=headers
            )
        else:
            answer = self._api.call("POST", path, params=parameters, json=list(map(dict, rows)))
        about = {name: value for name, value in answer.items() if name != "rows"}
        return Table(answer["rows"], about)


def _flat(group: Mapping[str, Any]) -> Json:
    """Return the record without ladders and lists."""
    return {name: value for name, value in group.items() if not isinstance(value, dict | list)}


def _labels(group: Mapping[str, Any]) -> Json:
    return {name: value for name, value in group.items() if isinstance(value, str)}


def _about(answer: Mapping[str, Any]) -> Json:
    return {name: value for name, value in answer.items() if name != "groups"}

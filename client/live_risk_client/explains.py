"""The questions about P&L: why it moved, now and on past days, by group and by trade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from live_risk_client.connection import Connection
from live_risk_client.control import Day, Words
from live_risk_client.table import Table

Json = dict[str, Any]


class Explains:
    """Methods of ``Client`` for the explain of P&L."""

    _api: Connection

    def explain(
        self,
        *,
        period: str = "close",
        as_of: Day | None = None,
        group_by: Words = "currency",
        currency: Words = None,
        reporting_currency: str | None = None,
    ) -> Table:
        """Terms of the P&L by group, in money; ``about`` has changes and unpriced trades.

        Args:
            period: ``close``: since the close before; ``frame``: since the frame before.
            as_of: A past day, as it was explained at its close; default: up to now.
            group_by: Labels of the groups.
            currency: Only these.
            reporting_currency: Converts the amounts.
        """
        answer = self._api.get(
            "explain/",
            period=period,
            as_of=as_of,
            group_by=group_by,
            currency=currency,
            reporting_currency=reporting_currency,
        )
        return Table(_terms(answer["groups"]), _about(answer, "groups"))

    def explain_days(
        self,
        *,
        market: str | None = None,
        start: Day | None = None,
        end: Day | None = None,
        days: int | None = None,
        group_by: Words = "currency",
        currency: Words = None,
        reporting_currency: str | None = None,
    ) -> Table:
        """Terms of the P&L of stored days, a row for each day and group, oldest first.

        Args:
            market: ``live`` (default), or the name of a replay.
            start: First valuation date.
            end: Last valuation date.
            days: The newest so many days of them.
            group_by: Labels of the groups.
            currency: Only these.
            reporting_currency: Converts the amounts.
        """
        answer = self._api.get(
            "explain/days/",
            market=market,
            from_=start,
            to=end,
            days=days,
            group_by=group_by,
            currency=currency,
            reporting_currency=reporting_currency,
        )
        rows = [
            {"date": day["date"], **group} for day in answer["results"] for group in day["groups"]
        ]
        return Table(_terms(rows), answer)

    def explain_trades(
        self,
        *,
        desk: str | None = None,
        book: str | None = None,
        type: Words = None,
        period: str = "close",
        currency: Words = None,
        reporting_currency: str | None = None,
        limit: int | None = None,
    ) -> Table:
        """The trades of a group with the largest P&L, a row each; ``about`` has the sums of all.

        Args:
            desk: Only this desk.
            book: Only this book.
            type: Only these products.
            period: ``close`` or ``frame``.
            currency: Only these; one, unless amounts are converted.
            reporting_currency: Converts the amounts.
            limit: How many trades are listed.
        """
        answer = self._api.get(
            "explain/trades/",
            desk=desk,
            book=book,
            type=type,
            period=period,
            currency=currency,
            reporting_currency=reporting_currency,
            limit=limit,
        )
        return Table(_terms(answer["results"]), _about(answer, "results"))


def _terms(rows: Sequence[Mapping[str, Any]]) -> Iterator[Json]:
    """A row for each group, day or trade: its labels, and its terms in money."""
    currencies = {row["amounts_in"] for row in rows}
    money = currencies.pop().lower() if len(currencies) == 1 else "local"
    for row in rows:
        yield {
            **{name: value for name, value in row.items() if name != "terms"},
            **{f"{name}_{money}": value for name, value in row["terms"].items()},
        }


def _about(answer: Mapping[str, Any], rows: str) -> Json:
    return {name: value for name, value in answer.items() if name != rows}

"""The questions of a risk manager: scenarios, limits, sensitivities and reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from live_risk_client.connection import Connection
from live_risk_client.table import Table, with_units

Json = dict[str, Any]
Words = str | Sequence[str] | None
Day = str | dt.date
FORMATS = (".csv", ".xlsx", ".html")


class Control:
    """Methods of ``Client`` for value at risk, scenarios, limits, sensitivities and reports."""

    _api: Connection

    def var(
        self,
        *,
        level: Words = None,
        group_by: str | None = None,
        desk: str | None = None,
        book: str | None = None,
        type: str | None = None,
        currency: str | None = None,
        reporting_currency: str | None = None,
    ) -> Table:
        """VaR and expected shortfall by group and level, positive for a loss; the total first."""
        answer = self._api.get(
            "var/",
            level=level,
            group_by=group_by,
            desk=desk,
            book=book,
            type=type,
            currency=currency,
            reporting_currency=reporting_currency,
        )
        whole = {**answer["total"], "group": "total"} if answer["total"] else None
        groups = [{**each, "group": each[answer["group_by"]]} for each in answer["groups"]]
        names = ("var", "expected_shortfall", "component_expected_shortfall")
        rows = (
            {
                "group": each["group"],
                "level_percent": level_of["level"],
                "amounts_in": answer["amounts_in"],
                **{name: level_of.get(name) for name in names},
                "trades": each["trades"],
                "failed": each["failed"],
            }
            for each in ([whole] if whole else []) + groups
            for level_of in each["levels"]
        )
        return with_units(rows, about=answer)

    def scenarios(self, *, group_by: str | None = None, **scope: Any) -> Table:
        """P&L by scenario, with its approximations; ``about`` has the groups."""
        answer = self._api.get("scenarios/", group_by=group_by, **scope)
        return Table(_stress_rows(answer["scenarios"], answer["amounts_in"]), answer)

    def price_shock(
        self,
        rows: Sequence[Json],
        *,
        scenario: str = "shock",
        group_by: str | None = None,
        **scope: Any,
    ) -> Table:
        """P&L of a scenario that is not stored, revalued on request; nothing is stored.

        ``about`` has the groups, the frames, and the ``moves`` by curve and tenor.

        Args:
            rows: Of the scenario, as ``scenario-shocks/`` has them: space, currency, curve, shape,
                tenor, move_bp.
            scenario: Its name in the answer.
            group_by: One of desk, book, currency, type.
            **scope: As of ``scenarios``.
        """
        body = {"scenario": scenario, "rows": list(rows)}
        answer = self._api.post("scenarios/price/", body, group_by=group_by, **scope)
        return Table(_stress_rows(answer["scenarios"], answer["amounts_in"]), answer)

    def trade_scenarios(self, trade_id: str) -> Table:
        """P&L of one trade by scenario in its currency, computed on request.

        ``about`` has the frame, and ``failure`` when the trade has no number.
        """
        answer = self._api.get(f"scenarios/trades/{trade_id}/")
        return Table(_stress_rows(answer["scenarios"], answer["currency"]), answer)

    def backtest(self, *, level: str | None = None) -> Table:
        """The last backtest, a row for the firm and each desk: days, exceptions and zone.

        ``about`` has the exceptions day by day.

        Raises:
            ApiError: None of this level was made.
        """
        answer = self._api.get("backtest/", level=level)
        firm = [{**answer["firm"], "desk": "firm"}] if answer["firm"] else []
        rows = (
            {
                "desk": each["desk"],
                "days": each["days"],
                "exceptions": len(each["exceptions"]),
                "zone": each["zone"],
            }
            for each in (*firm, *answer["desks"])
        )
        return Table(rows, answer)

    def pla(self) -> Table:
        """The last P&L attribution test, a row for each desk: correlation, distance and zone.

        A number that a desk does not have is None, and ``reason`` says why. ``about`` has HPL and
        RTPL of every day.

        Raises:
            ApiError: None was made.
        """
        answer = self._api.get("pla/", series=True)
        names = ("desk", "days", "spearman", "ks", "zone", "reason")
        rows = ({name: each[name] for name in names} for each in answer["desks"])
        return Table(rows, answer)

    def limits(self, state: str | None = None) -> Table:
        """Every limit with its number, bounds and state; ``about`` says how old they are.

        Args:
            state: Only in this one: ``ok``, ``warning``, ``breach`` or ``unknown``.
        """
        answer = self._api.get("limit-states/", state=state)
        about = {name: value for name, value in answer.items() if name != "limits"}
        return Table(answer["limits"], about)

    def breaches(self, **filters: Any) -> Table:
        """All breaches with their frame, cause and reviews."""
        return Table(
            row for _, rows in self._api.pages("limit-breaches/", **filters) for row in rows
        )

    def acknowledge(
        self, breach: int, classification: str, resolution: str, comment: str = ""
    ) -> Json:
        """Review a breach; the user's role must allow it."""
        body = {"classification": classification, "resolution": resolution, "comment": comment}
        return dict(self._api.post(f"limit-breaches/{breach}/acknowledge/", body))

    def crif(
        self,
        *,
        date: Day | None = None,
        currency: Words = None,
        ladder: str | None = None,
        by: str | None = None,
    ) -> Table:
        """Sensitivities as CRIF rows, with the format's own names; ``about`` has the frames.

        Args:
            date: Of the stored closes; default: the frames published now.
            currency: Only these.
            ladder: ``zero`` (default) or ``par``.
            by: ``desk`` (default) or ``book``.
        """
        answer = self._api.get("crif/", date=date, currency=currency, ladder=ladder, by=by)
        return Table(answer["rows"], {"frames": answer["frames"]})

    def girr_delta(
        self,
        *,
        date: Day | None = None,
        currency: Words = None,
        ladder: str | None = None,
        reporting_currency: str | None = None,
    ) -> Table:
        """The FRTB charge for GIRR delta, a row for each desk and scenario; ``total`` is of all."""
        answer = self._api.get(
            "girr-delta/",
            date=date,
            currency=currency,
            ladder=ladder,
            reporting_currency=reporting_currency,
        )
        money = answer["amounts_in"].lower()
        rows = (
            {
                "desk": each["desk"],
                "scenario": name,
                f"charge_{money}": scenario["charge"],
                "counts": name == each["scenario"],
            }
            for each in ({**answer["total"], "desk": "total"}, *answer["desks"])
            for name, scenario in each["scenarios"].items()
        )
        return Table(rows, answer)

    def closes(
        self,
        *,
        market: str | None = None,
        start: Day | None = None,
        end: Day | None = None,
        days: int | None = None,
        group_by: Words = None,
        currency: Words = None,
        reporting_currency: str | None = None,
    ) -> Table:
        """Sums of the stored closes, a row for each day and group, oldest first.

        Args:
            market: ``live`` (default), or the name of a replay.
            start: First valuation date.
            end: Last valuation date.
            days: The newest so many days of them.
            group_by: Of the sums; default: currency.
            currency: Only these.
            reporting_currency: Converts the sums.
        """
        answer = self._api.get(
            "closes/",
            market=market,
            from_=start,
            to=end,
            days=days,
            group_by=group_by,
            currency=currency,
            reporting_currency=reporting_currency,
        )
        rows = (
            {"date": day["date"], **group} for day in answer["closes"] for group in day["groups"]
        )
        return with_units(rows, about=answer)

    def report(self, date: Day, to: str | Path, *, reporting_currency: str | None = None) -> Path:
        """Write the report of a stored day to a file.

        Args:
            date: The day.
            to: File whose ending says the form: ``.xlsx``, ``.html``, or ``.csv`` (the table risk).
            reporting_currency: Converts the sums; default: USD.

        Raises:
            ValueError: The ending is another.
        """
        file = Path(to)
        if file.suffix not in FORMATS:
            raise ValueError(f"{file.name}: the ending must be one of {', '.join(FORMATS)}")
        parameters = {"format": file.suffix[1:], "reporting_currency": reporting_currency}
        file.write_bytes(self._api.content(f"reports/{date}/", **parameters))
        return file


def _stress_rows(scenarios: Sequence[Json], amounts_in: str) -> Iterator[Json]:
    money = amounts_in.lower()
    for each in scenarios:
        yield {
            **{name: each[name] for name in ("scenario", "title", "set", "space")},
            f"pnl_{money}": each["pnl"],
            f"delta_approximation_{money}": each["approximation"]["delta"],
            f"delta_gamma_approximation_{money}": each["approximation"]["delta_gamma"],
        }

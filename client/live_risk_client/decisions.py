"""Answers of what-if and of hedges, as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from live_risk_client.table import Table, ladder_rows, named, with_units

Json = dict[str, Any]
SIDES = ("before", "after", "difference")


@dataclass(frozen=True)
class WhatIf:
    """The book before and after entries that are not booked.

    Attributes:
        answer: As the API gave it.
    """

    answer: Json

    @property
    def entries(self) -> list[Json]:
        """The entries as they were understood, to be asked again, kept or booked."""
        names = ("action", "kind", "row", "solve")
        return [{name: entry[name] for name in names} for entry in self.answer["entries"]]

    def trades(self) -> Table:
        """A row for each trade that comes (``new``) or goes (``old``), with its measures."""
        return with_units(self._trades(), currency="currency", about=self.answer["frames"])

    def _trades(self) -> Iterator[Json]:
        for entry in self.answer["entries"]:
            for side in ("new", "old"):
                found = entry[side]
                if found is None:
                    continue
                failure = found["failure"]
                yield {
                    "entry": entry["entry"],
                    "action": entry["action"],
                    "side": side,
                    "trade_id": entry["trade_id"],
                    "currency": found["currency"],
                    "desk": found["desk"],
                    "book": found["book"],
                    "type": found["type"],
                    "notional": found["notional"],
                    **found["measures"],
                    "failure": failure["message"] if failure else None,
                }

    def sums(self) -> Table:
        """Three rows a group: before, after and difference."""
        return with_units(
            {
                **_labels(group),
                "side": side,
                **{k: v for k, v in (group[side] or {}).items() if not isinstance(v, dict | list)},
            }
            for group in self.answer["groups"]
            for side in SIDES
        )

    def ladders(self, kind: str = "ladder_par") -> Table:
        """A row for each group, side and bucket."""
        return Table(
            row
            for group in self.answer["groups"]
            for side in SIDES
            if group[side]
            for row in ladder_rows(
                {**_labels(group), "side": side},
                group[side][kind],
                named(kind, str(group["amounts_in"]).lower()),
            )
        )


def _labels(group: Json) -> Json:
    return {name: value for name, value in group.items() if isinstance(value, str)}


@dataclass(frozen=True)
class Hedge:
    """Trades that flatten a ladder.

    Attributes:
        answer: As the API gave it.
    """

    answer: Json

    @property
    def status(self) -> str:
        """``optimal``, ``time_limit``, or ``nearest``: the tolerance is not reached."""
        return str(self.answer["status"])

    @property
    def entries(self) -> list[Json]:
        """The trades as entries of a what-if."""
        return [trade["entry"] for trade in self.answer["trades"]]

    def trades(self) -> Table:
        """A row a trade: size, notional and cost; positive is received or bought."""
        names = ("instrument", "size", "notional", "cost")
        money = self._money()
        return Table(
            {named(name, money): trade[name] for name in names} for trade in self.answer["trades"]
        )

    def ladder(self) -> Table:
        """A row a bucket: before and after."""
        unit = f"{self._money()}_per_bp"
        return Table(
            {
                "curve": curve,
                "tenor": tenor,
                f"before_{unit}": value,
                f"after_{unit}": self.answer["after"][curve][tenor],
            }
            for curve, tenors in self.answer["before"].items()
            for tenor, value in tenors.items()
        )

    def by_bucket(self) -> Table:
        """Return one instrument for each bucket, with the size that alone makes the bucket 0."""
        unit = f"{self._money()}_per_bp"
        return Table(
            {
                "bucket": row["bucket"],
                f"exposure_{unit}": row["exposure"],
                "instrument": row["instrument"],
                "size": row["size"],
                f"left_{unit}": row["left"],
            }
            for row in self.answer["by_bucket"]
        )

    def _money(self) -> str:
        return str(self.answer["frame"]["currency"]).lower()

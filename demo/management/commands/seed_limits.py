"""``manage.py seed_limits``: define limits that suit the sample book."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.management.base import BaseCommand

from instruments.models import Desk, Limit


class SampleLimit(NamedTuple):
    """A row of the table below; amounts are in US dollars. ``warning`` comes before ``hard``."""

    code: str
    name: str
    measure: str
    warning: int
    hard: int
    hysteresis: int
    desk: str = ""
    scope: tuple[tuple[str, str], ...] = ()


def _ladder(currency: str, curve: str, tenor: str) -> tuple[tuple[str, str], ...]:
    return (("currency", currency), ("curve", curve), ("tenor", tenor))


LIMITS = (
    SampleLimit("SAMPLE-DV01", "DV01 of all desks", "dv01_par", 1_000_000, 1_200_000, 10_000),
    SampleLimit(
        "SAMPLE-DV01-EUR", "DV01, EUR", "dv01_par", 700_000, 900_000, 10_000, "EUR-RATES"
    ),
    SampleLimit(
        "SAMPLE-DV01-GBP", "DV01, Sterling", "dv01_par", 200_000, 250_000, 5_000, "STERLING"
    ),
    SampleLimit("SAMPLE-DV01-USD", "DV01, USD", "dv01_par", 120_000, 150_000, 5_000, "USD-RATES"),
    SampleLimit(
        "SAMPLE-USD-10Y", "USD-GOVT 10Y", "ladder_par", 150_000, 200_000, 5_000, "USD-RATES",
        _ladder("USD", "USD-GOVT", "10Y"),
    ),
    SampleLimit(
        "SAMPLE-EUR-20Y", "EUR-GOVT 20Y", "ladder_par", 150_000, 200_000, 5_000, "EUR-RATES",
        _ladder("EUR", "EUR-GOVT", "20Y"),
    ),
    SampleLimit("SAMPLE-VAR", "Value at risk, 99 %", "var", 9_000_000, 12_000_000, 200_000),
    SampleLimit(
        "SAMPLE-ES", "Expected shortfall, 97.5 %", "expected_shortfall",
        10_000_000, 12_000_000, 200_000, "", (("level", "97.5"),),
    ),
    SampleLimit(
        "SAMPLE-LOSS", "Loss since the close", "pnl_close", -3_000_000, -6_000_000, 100_000,
        "", (("direction", "lower"),),
    ),
)  # fmt: skip


class Command(BaseCommand):
    """``manage.py seed_limits``."""

    help = (
        "Defines limits of DV01, ladders, value at risk and losses for the sample book: of all "
        "desks, and of each desk. Limits that exist stay as they are."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        desks = {desk.code: desk for desk in Desk.objects.all()}
        known = set(Limit.objects.values_list("code", flat=True))
        missing = [
            row for row in LIMITS if row.code not in known and (not row.desk or row.desk in desks)
        ]
        for row in missing:
            limit = Limit(
                code=row.code,
                name=row.name,
                measure=row.measure,
                warning=row.warning,
                hard_limit=row.hard,
                hysteresis=row.hysteresis,
                desk=desks.get(row.desk),
                **dict(row.scope),
            )
            limit.full_clean()
            limit.save()
        self.stdout.write(f"{len(missing)} limits defined, {len(LIMITS) - len(missing)} not")

"""Store published fixings and exchange rates with their history, and derive proxies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Model

from instruments.models import Fixing, FxRate
from instruments.models.book_version import book_changed, bulk_change
from instruments.trade_repository import note_history
from pricing.curves.quote_ids import is_tenor
from pricing.errors import BadInput
from pricing.markets.conventions import INDICES
from risk.history.closes import closes
from risk.history.layouts.fixings import FixingsFile, PublishedFixing, PublishedFx
from risk.history.terms import years_of

DERIVED = frozenset({"proxy", "synthetic", "sample"})
"""Sources whose rows are replaced by a published rate."""

ROWS_AT_ONCE = 2_000
SOURCE_CHARACTERS = 64


class Difference(NamedTuple):
    """A stored rate and the new value in a file."""

    name: str
    date: dt.date
    before: Decimal
    after: Decimal
    source: str

    def __str__(self) -> str:
        return f"{self.name} {self.date}: {self.before:f} -> {self.after:f} (was of {self.source})"


@dataclass
class Stored:
    """The result of a load or dry run. ``kept`` counts rows where a published rate is stored."""

    new: int = 0
    unchanged: int = 0
    kept: int = 0
    changed: list[Difference] = field(default_factory=list)


def store_file(
    found: FixingsFile, *, dry_run: bool = False, forced_reason: str = "", user: Any = None
) -> Stored:
    """Store the rates of a file as one change of the book; loading it again changes nothing.

    A rate replaces one that was derived, and one of the same publisher: a correction.

    Raises:
        BadInput: A rate that another publisher has given otherwise; taken with a reason.
    """
    return _store(
        [(Fixing, "index", "rate", found.fixings), (FxRate, "currency", "usd", found.fx)],
        found.publisher[:SOURCE_CHARACTERS],
        dry_run=dry_run,
        reason=forced_reason,
        user=user,
    )


def store_derived(fixings: Iterable[PublishedFixing], label: str, *, dry_run: bool) -> Stored:
    """Store derived fixings under their label, keeping those of a publisher."""
    return _store([(Fixing, "index", "rate", list(fixings))], label, dry_run=dry_run)


Rates = Sequence[PublishedFixing] | Sequence[PublishedFx]


def _store(
    tables: Sequence[tuple[type[Model], str, str, Rates]],
    source: str,
    *,
    dry_run: bool,
    reason: str = "",
    user: Any = None,
) -> Stored:
    done = Stored()
    with bulk_change():
        for model, key, value, rates in tables:
            for first in range(0, len(rates), ROWS_AT_ONCE):
                some = rates[first : first + ROWS_AT_ONCE]
                _store_some(model, key, value, some, source, done, dry_run, reason)
        if (done.new or done.changed) and not dry_run:
            book_changed()
    return done


def _store_some(
    model: Any,
    key: str,
    value: str,
    rates: Rates,
    source: str,
    done: Stored,
    dry_run: bool,
    reason: str,
) -> None:
    dates = [rate.date for rate in rates]
    stored = model.objects.select_for_update().filter(
        **{f"{key}__in": {rate[0] for rate in rates}, "date__range": (min(dates), max(dates))}
    )
    found = {(getattr(row, key), row.date): row for row in stored}
    places = model._meta.get_field(value).decimal_places
    rows: dict[bool, list[Any]] = {True: [], False: []}
    for name, date, number in rates:
        exact = round(Decimal(repr(number)), places)
        row = found.get((name, date))
        if row is None:
            done.new += 1
            rows[True].append(model(**{key: name, "date": date, value: exact, "source": source}))
            continue
        before = getattr(row, value)
        published = row.source not in DERIVED
        if published and source in DERIVED:
            done.kept += 1
        elif (before, row.source) == (exact, source) or (published and before == exact):
            done.unchanged += 1
        else:
            if published and row.source != source and not reason:
                raise BadInput(
                    f"{name} {date}",
                    f"{exact:f}",
                    f"{row.source} has given {before:f}: take it with --force REASON",
                )
            done.changed.append(Difference(name, date, before, exact, row.source))
            row.source, row.version = source, row.version + 1
            setattr(row, value, exact)
            rows[False].append(row)
    if dry_run:
        return
    for new, some in rows.items():
        if not some:
            continue
        if new:
            model.objects.bulk_create(some)
        else:
            model.objects.bulk_update(some, [value, "source", "version"], ROWS_AT_ONCE)
        said = f"published by {source}" if source not in DERIVED else f"derived: {source}"
        lines = model.objects.filter(pk__in=[row.pk for row in some])
        note_history(lines, (reason or said)[:100], new=new)


def derive(currency: str, start: dt.date, end: dt.date) -> dict[str, list[PublishedFixing]]:
    """Derive proxies of the fixings of a currency's indices from stored closes, by label.

    An overnight index takes the shortest quote of its curve of that date, a term index the quote
    of its own tenor. Dates are all weekdays, which covers every calendar: a fixing on a holiday is
    never asked for. A weekday without a close carries the last one, for two weeks at most.

    Raises:
        BadInput: A currency without conventions, or no close is stored in the range.
    """
    table = closes(currency, start - dt.timedelta(days=CARRIED), end)
    if not table.dates:
        raise BadInput(
            "currency", currency, "stored closes: load some with manage.py load_curves first"
        )
    days = [table.close(place) for place in range(len(table.dates))]
    found: dict[str, list[PublishedFixing]] = {}
    place = -1
    for date in (start + dt.timedelta(n) for n in range((end - start).days + 1)):
        while place + 1 < len(days) and days[place + 1].date <= date:
            place += 1
        day = days[place] if place >= 0 else None
        if day is None or date.weekday() >= 5 or (date - day.date).days > CARRIED:
            continue
        for index in INDICES.values():
            found_quotes = day.curves.get(index.forecast_curve, {})
            quotes = {name: rate for name, rate in found_quotes.items() if is_tenor(name)}
            tenor = index.tenor if index.kind == "ibor" else min(quotes, key=years_of, default="")
            if tenor in quotes:
                label = day.labels[index.forecast_curve]
                kind = "synthetic" if label == "synthetic" else "proxy"
                rate = PublishedFixing(index.name, date, quotes[tenor])
                found.setdefault(kind, []).append(rate)
    return found


CARRIED = 14
"""Number of days for which a close is carried forward."""

"""Read trades, desks and fixings as they were at an earlier book version.

Each line of history carries the number of the change that wrote it, and a table says which book
version a change led to (migration 0017). So the state of a version is what its compiled book was
made of, whatever the clocks of the writers said.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from simple_history.utils import get_history_manager_for_model

from instruments import validation
from instruments.models import (
    Bond,
    Book,
    Deliverable,
    Desk,
    Fixing,
    FxRate,
    Quarantine,
    Status,
    Trade,
    trade_models,
)
from instruments.models.futures.bond_future import BASKET
from instruments.models.futures.deliverable import OWN as OF_THE_BASKET
from pricing.errors import BadInput
from pricing.products.futures.bond_future import OF_THE_BOND
from pricing.products.terms import Terms

ROWS_AT_ONCE = 5_000

_NEWEST_LINES = """
    SELECT DISTINCT ON (id) history_id FROM {table}
    WHERE CASE WHEN change IS NULL THEN history_date <= %s ELSE change IN (
        SELECT change FROM instruments_bookchange WHERE number <= %s
    ) END
    ORDER BY id, history_id DESC
"""
_VERSION_AT = """
    SELECT number FROM instruments_bookchange WHERE at <= %s ORDER BY at DESC LIMIT 1
"""
_TIME_OF = "SELECT max(at) FROM instruments_bookchange WHERE number = %s"


_STAMP = """
DO $$
DECLARE
    lines regclass;
BEGIN
    FOR lines IN
        SELECT oid FROM pg_class c
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
          AND relname LIKE 'instruments\\_historical%'
          AND to_regproc('instruments_stamp_line') IS NOT NULL
          AND NOT EXISTS (
              SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'stamp_line')
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS change uuid', lines);
        EXECUTE format(
            'CREATE TRIGGER stamp_line BEFORE INSERT ON %s'
            ' FOR EACH ROW EXECUTE FUNCTION instruments_stamp_line()', lines);
    END LOOP;
END $$;
"""


def stamp_histories(**_: object) -> None:
    """Have the lines of every table of history stamped; after every migration."""
    with connection.cursor() as cursor:
        cursor.execute(_STAMP)


@dataclass(frozen=True)
class Known:
    """The changes that were known at a time, up to a book version.

    Attributes:
        number: The book version.
        at: When it was made. Of lines that are older than the stamps, those up to then count.
    """

    number: int
    at: dt.datetime

    @classmethod
    def at_time(cls, moment: dt.datetime) -> Known:
        """The newest version of that time.

        Raises:
            BadInput: The time has no time zone.
        """
        if moment.tzinfo is None:
            raise BadInput("known_at", moment.isoformat(), "a time with its time zone")
        with connection.cursor() as cursor:
            cursor.execute(_VERSION_AT, [moment])
            row = cursor.fetchone()
        return cls(int(row[0]) if row else 0, moment)

    @classmethod
    def of_version(cls, number: int, otherwise: dt.datetime) -> Known:
        """That version; ``otherwise`` is its time where it is older than the stamps."""
        with connection.cursor() as cursor:
            cursor.execute(_TIME_OF, [number])
            (at,) = cursor.fetchone()
        return cls(number, at or otherwise)

    def trades(self, *, matured: bool = False) -> Iterator[tuple[str, Terms | str]]:
        """Give each trade that was active with its terms, or with what was wrong with its row.

        An identifier that trades of two products had comes twice.

        Args:
            matured: Also give trades that were marked as matured by then.
        """
        status = (Status.ACTIVE, Status.MATURED) if matured else (Status.ACTIVE,)
        for model in trade_models():
            yield from self._trades_of(model, status)

    def _trades_of(
        self, model: type[Trade], status: Collection[str]
    ) -> Iterator[tuple[str, Terms | str]]:
        columns = model.terms_columns()
        paths = list(columns.values())
        joined = {path.partition("__")[0] for path in paths if "__" in path}
        others: dict[str, Mapping[Any, Mapping[str, Any]]] = {
            name: self._rows(model, name, paths) for name in joined
        }
        if BASKET in paths:
            others[BASKET] = self._baskets()
        own = [f"{p.partition('__')[0]}_id" if "__" in p else p for p in paths]
        own = ["contract" if p == BASKET else p for p in own]
        places = [p.partition("__")[::2] if "__" in p or p == BASKET else None for p in paths]
        lines = self._lines(model).filter(status__in=status)
        for row in lines.values_list(*own).iterator(ROWS_AT_ONCE):
            values = {
                name: value if place is None else _cell(others[place[0]], value, place[1])
                for name, value, place in zip(columns, row, places, strict=True)
            }
            try:
                yield str(values["trade_id"]), validation.terms_of(model.product, values)
            except BadInput as error:
                yield str(values["trade_id"]), str(error)

    def _rows(
        self, model: type[Trade], name: str, paths: Collection[str]
    ) -> Mapping[int, Mapping[str, Any]]:
        """The rows of a table that trades refer to, by key: the columns of these paths."""
        related: Any = model._meta.get_field(name).related_model
        wanted = [p.partition("__")[2] for p in paths if p.startswith(f"{name}__")]
        rows = self._lines(related).values("id", *wanted)
        return {row["id"]: row for row in rows.iterator(ROWS_AT_ONCE)}

    def _baskets(self) -> Mapping[str, Mapping[str, Any]]:
        """The bonds that may be delivered by contract, each as terms have them, by code."""
        bonds = {row["id"]: row for row in self._lines(Bond).values("id", *OF_THE_BOND)}
        columns = ("contract", "bond_id", *OF_THE_BASKET)
        found: dict[str, dict[str, Any]] = defaultdict(lambda: {"": []})
        for row in self._lines(Deliverable).order_by("code").values(*columns):
            bond = bonds.get(row["bond_id"], {})
            values = {name: bond.get(name) for name in OF_THE_BOND}
            own = {name: row[name] for name in OF_THE_BASKET}
            found[row["contract"]][""].append(values | own)
        return found

    def desks(self) -> dict[str, str]:
        """The code of each book's desk, by the book's code."""
        desks = dict(self._lines(Desk).values_list("id", "code"))
        books = self._lines(Book).values_list("code", "desk_id")
        return {code: desks.get(desk, "") for code, desk in books}

    def quarantined(self) -> dict[str, str]:
        """Trades that were not to be priced, and why."""
        return dict(self._lines(Quarantine).values_list("trade_id", "reason"))

    def fixings(self, indices: Collection[str]) -> dict[str, dict[dt.date, float]]:
        """Fixings of these indices: index, then fixing date, then the decimal rate."""
        found: dict[str, dict[dt.date, float]] = {}
        lines = self._lines(Fixing).filter(index__in=list(indices))
        rows = lines.order_by("index", "date").values_list("index", "date", "rate")
        for index, date, rate in rows.iterator(ROWS_AT_ONCE):
            found.setdefault(index, {})[date] = float(rate)
        return found

    def fx(self) -> dict[str, float]:
        """US dollars per unit of each currency, of its newest date."""
        lines = self._lines(FxRate).order_by("date")
        return {currency: float(usd) for currency, usd in lines.values_list("currency", "usd")}

    def _lines(self, model: type[Model]) -> QuerySet[Any]:
        """The newest line of each row that was there."""
        lines: Any = get_history_manager_for_model(model).model
        table = connection.ops.quote_name(lines._meta.db_table)
        newest = RawSQL(  # nosec B611  # noqa: S611 - names are parameters
            _NEWEST_LINES.format(table=table), [self.at, self.number]
        )
        found: QuerySet[Any] = lines._base_manager.filter(history_id__in=newest)
        return found.exclude(history_type="-")


def _cell(rows: Mapping[Any, Mapping[str, Any]], key: object, column: str) -> Any:
    """A column of a row; None without the row, and no bonds without a basket."""
    return rows.get(key, {}).get(column, [] if column == "" else None)

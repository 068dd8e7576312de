"""The tables that files of risk answers hold; their columns are the fields of the schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

from risk.api import schemas
from risk.queries.explain import MEMO_NAMES, TERM_NAMES
from risk.queries.portfolio import GROUPINGS
from risk.queries.trade_fields import FIELD_OF
from riskproject.web.tables.answers import AnswerTable, Column, columns_of, without_units

Json = dict[str, Any]
Rows = Callable[[Json], Iterable[Mapping[str, Any]]]

MONEY = "trade currency"
MONEY_PER_BP = "trade currency per bp"
LABELS = tuple(Column(name, is_optional=True) for name in GROUPINGS)
AMOUNTS_IN = Column("amounts_in")
BUCKET = (Column("curve"), Column("tenor"))


def buckets(
    record: Mapping[str, Any], ladder: Mapping[str, Mapping[str, Any]], name: str
) -> Iterator[Json]:
    """A row for each bucket of a ladder."""
    for curve, by_tenor in ladder.items():
        for tenor, value in by_tenor.items():
            yield {**record, "curve": curve, "tenor": tenor, name: value}


def _of_groups(kind: str) -> Rows:
    def rows(answer: Json) -> Iterator[Json]:
        for group in answer["groups"]:
            yield from buckets(group, group[kind], kind)

    return rows


FRAMES = AnswerTable(columns_of(schemas.Stamp), itemgetter("frames"))

PORTFOLIO = {
    "groups": AnswerTable(columns_of(schemas.Group), itemgetter("groups")),
    **{
        kind: AnswerTable(
            (*LABELS, AMOUNTS_IN, *BUCKET, Column(kind, MONEY_PER_BP)), _of_groups(kind)
        )
        for kind in ("ladder_par", "krd")
    },
    "frames": FRAMES,
}


# --- Trades ----------------------------------------------------------------------------------


def _alone(answer: Json) -> list[Json]:
    return [answer]


def _part(name: str) -> Rows:
    def rows(answer: Json) -> Iterator[Json]:
        head = {key: answer[key] for key in ("trade_id", "currency")}
        return ({**head, **row} for row in answer[name] or ())

    return rows


def _ladder(kind: str) -> Rows:
    def rows(answer: Json) -> Iterator[Json]:
        return buckets({key: answer[key] for key in ("trade_id", "currency")}, answer[kind], kind)

    return rows


def _with_units(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Columns of a trade, its fields with their units."""
    return tuple(
        replace(column, unit=FIELD_OF[column.name].unit) if column.name in FIELD_OF else column
        for column in columns
    )


OF_TRADES = _with_units(columns_of(schemas.TradeRisk))
_LADDERS = (Column("ladder_par", MONEY_PER_BP), Column("krd", MONEY_PER_BP))
TRADES = {
    "trades": AnswerTable(
        (*OF_TRADES, *_LADDERS),
        itemgetter("results"),
        shown=[column.title for column in OF_TRADES],
    )
}
"""The table of trades; it has the ladders, one column a quote, when they are asked for."""

OF_TRADE = (Column("trade_id"), Column("currency"))
TRADE = {
    "trade": AnswerTable(OF_TRADES, _alone),
    **{
        kind: AnswerTable((*OF_TRADE, *BUCKET, Column(kind, MONEY_PER_BP)), _ladder(kind))
        for kind in ("ladder_par", "krd")
    },
    "cash_flows": AnswerTable((*OF_TRADE, *columns_of(schemas.CashFlow)), _part("cash_flows")),
    "deliverables": AnswerTable(
        (*OF_TRADE, *columns_of(schemas.DeliverableBond)), _part("deliverables")
    ),
}
HISTORY = {"history": AnswerTable(columns_of(schemas.HistoryRow), itemgetter("results"))}


# --- Curves ----------------------------------------------------------------------------------


def _of_curves(name: str) -> Rows:
    def rows(answer: Json) -> Iterator[Json]:
        for curve in answer.get("curves", [answer]):
            head = {"curve": curve["curve"], "as_of": curve["stamp"]["as_of"]}
            for row in curve[name]:
                yield {**head, **row}

    return rows


def _curves(answer: Json) -> Iterable[Json]:
    found: Iterable[Json] = answer.get("curves", [answer])
    return found


OF_CURVE = (Column("curve"), Column("as_of"))
CURVES = {
    "nodes": AnswerTable((*OF_CURVE, *columns_of(schemas.Node)), _of_curves("nodes")),
    "curves": AnswerTable(columns_of(schemas.Curve), _curves),
    "meetings": AnswerTable(
        (*OF_CURVE, *columns_of(schemas.MeetingForward)), _of_curves("meetings")
    ),
    "warnings": AnswerTable(
        (*OF_CURVE, *without_units(columns_of(schemas.CurveWarning))), _of_curves("warnings")
    ),
}


# --- Explain ---------------------------------------------------------------------------------

PERIOD = Column("period")
TERM_COLUMNS = tuple(Column(name, MONEY) for name in (*TERM_NAMES, *MEMO_NAMES))


def explain_tables(unpriced: type, stamp: type) -> dict[str, AnswerTable]:
    """The tables of an explain.

    Args:
        unpriced: Serializer of a trade without a number.
        stamp: Serializer of a frame that is explained.
    """
    of_change = ("trade_id", "currency", "desk", "book", "type", "term")
    return {
        "terms": AnswerTable(
            (PERIOD, *LABELS, AMOUNTS_IN, Column("trades"), *TERM_COLUMNS), _terms
        ),
        "delta": AnswerTable(
            (PERIOD, *LABELS, AMOUNTS_IN, *BUCKET, Column("delta", MONEY)), _deltas
        ),
        "changes": AnswerTable(
            (PERIOD, *map(Column, of_change), Column("amount", MONEY), Column("consideration")),
            _changes,
        ),
        "unpriced": AnswerTable((PERIOD, *columns_of(unpriced)), _unpriced),
        "frames": AnswerTable(columns_of(stamp), itemgetter("frames")),
    }


def _terms(answer: Json) -> Iterator[Json]:
    for group in answer["groups"]:
        yield {"period": answer["period"], **group, **group["terms"]}


def _deltas(answer: Json) -> Iterator[Json]:
    for group in answer["groups"]:
        yield from buckets({"period": answer["period"], **group}, group["delta"], "delta")


def _changes(answer: Json) -> Iterator[Json]:
    for change in answer["changes"]:
        for term, amount in change["terms"].items():
            yield {"period": answer["period"], **change, "term": term, "amount": amount}


def _unpriced(answer: Json) -> Iterator[Json]:
    return ({"period": answer["period"], **row} for row in answer["unpriced"])


def _terms_of_trade(answer: Json) -> list[Json]:
    return [{**answer, **answer.get("terms", {})}]


def _deltas_of_trade(answer: Json) -> Iterator[Json]:
    return buckets(
        {key: answer[key] for key in ("trade_id", "currency")}, answer.get("delta", {}), "delta"
    )


EXPLAIN_TRADE_HEAD = ("desk", "book", "type", "failure.code", "failure.message")
EXPLAIN_TRADE = {
    "terms": AnswerTable(
        (*OF_TRADE, *map(Column, EXPLAIN_TRADE_HEAD), *TERM_COLUMNS), _terms_of_trade
    ),
    "delta": AnswerTable((*OF_TRADE, *BUCKET, Column("delta", MONEY)), _deltas_of_trade),
}

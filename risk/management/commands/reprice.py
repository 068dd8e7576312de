"""``manage.py reprice``: a stored close again, as it was and with what is known now."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from pricing.markets.conventions import CURRENCIES
from risk.models import LIVE, FrameClose
from risk.reprice.corrections import STEPS
from risk.reprice.repricer import NothingStored, as_json, close_of, reprice

HELP = """
Prices the book of a stored close again: trades, desks and fixings as their history knew them then,
on the quotes of then. Prints the hash of the published sums and of the sums that are made now; they
are equal when every number has the same bits. With --known-at the close is also priced with what
was known at that later time (corrected quotes and fixings, late and amended trades), and the
difference is shown by trade. Ends with status 1 where a hash differs.
"""
SHOWN = 10


class Command(BaseCommand):
    """``manage.py reprice``."""

    help = HELP

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            required=True,
            type=moment,
            metavar="WHEN",
            help="a date or a market time: the newest close up to then is repriced",
        )
        parser.add_argument(
            "--known-at",
            type=known_at,
            metavar="WHEN",
            help="reprice also with what was known at this time, which needs a zone, or now",
        )
        parser.add_argument(
            "--currency",
            nargs="+",
            choices=CURRENCIES,
            metavar="CCY",
            help="only these currencies (default: all with a close)",
        )
        parser.add_argument("--market", default=LIVE, help="live, or the name of a replay")
        parser.add_argument(
            "--correct",
            nargs="+",
            choices=STEPS,
            default=STEPS,
            help="what --known-at corrects (default: all)",
        )
        parser.add_argument(
            "--csv", type=Path, metavar="FILE", help="write all trades that differ to this file"
        )

    def handle(self, **options: Any) -> None:
        """Print each currency's close, its hashes, and what corrections change."""
        market = options["market"]
        held = FrameClose.objects.filter(market=market).order_by("currency")
        currencies = options["currency"] or held.values_list("currency", flat=True).distinct()
        if not currencies:
            raise CommandError(f"no close of the market {market!r} is stored yet")
        choices = CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION)
        rows: list[dict[str, Any]] = []
        different: list[str] = []
        for currency in currencies:
            started = time.monotonic()
            try:
                found = reprice(
                    close_of(currency, options["as_of"], market),
                    choices,
                    known_at=options["known_at"],
                    correct=options["correct"],
                    processes=settings.PRICING_PROCESSES,
                )
                answer = as_json(found)
            except (NothingStored, PricingError) as error:
                raise CommandError(str(error)) from None
            self._print(answer, time.monotonic() - started)
            if not answer["equal"]:
                different.append(currency)
            rows += self._corrections(answer)
        if options["csv"]:
            _write(options["csv"], rows)
        if different:
            raise CommandError(
                f"not equal to what was published: {', '.join(different)}; see the fields above"
            )

    def _print(self, answer: dict[str, Any], seconds: float) -> None:
        say = self.stdout.write
        say(
            f"{answer['currency']} {answer['valuation_date']} frame {answer['frame']}: "
            f"{answer['trades']:,} trades, {answer['priced']:,} priced, NPV {answer['npv']:,.2f}, "
            f"in {seconds:.2f} s"
        )
        say(f"  published  {answer['sha256']}  book {answer['book_version']}")
        say(f"  repriced   {answer['sha256_repriced']}  book {answer['book_version_repriced']}")
        stored = answer["detail_sha256"] or "not stored"
        say(f"  by trade   {answer['detail_sha256_repriced']}  stored: {stored}")
        if answer["equal"]:
            say("  equal in every bit")
            return
        say(f"  different: {', '.join(answer['differences'])}")
        if answer["conventions"] != answer["conventions_repriced"]:
            say("  the conventions of the market were others then")

    def _corrections(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        found, say = answer["corrected"], self.stdout.write
        if found is None:
            return []
        say(
            f"  as known at {found['known_at']}: NPV {found['npv']:,.2f}, "
            f"{found['difference']:+,.2f}; book {found['book_version']}"
        )
        for one in found["quotes"][:SHOWN]:
            move = f"{one['before']:.6%} -> {one['after']:.6%}"
            say(f"    quote {one['curve']} {one['quote']}: {move}")
        for one in found["fixings"][:SHOWN]:
            before, after = (
                "none" if one[name] is None else f"{one[name]:.6%}" for name in ("before", "after")
            )
            say(f"    fixing {one['index']} {one['date']}: {before} -> {after}")
        for name in ("quotes", "fixings"):
            if len(found[name]) > SHOWN:
                say(f"    and {len(found[name]) - SHOWN} more {name}")
        ordered = sorted(found["trades"], key=_size, reverse=True)
        for one in ordered[:SHOWN]:
            say(f"    {_sentence(one)}")
        if len(ordered) > SHOWN:
            say(f"    and {len(ordered) - SHOWN} more trades: see --csv")
        return [{"currency": answer["currency"], **_flat(one)} for one in found["trades"]]


def _size(one: dict[str, Any]) -> float:
    return float(sum(abs(effect) for effect in one["effects"].values()))


def _sentence(one: dict[str, Any]) -> str:
    effects = ", ".join(
        f"{one['change'] or 'trade' if name == 'trades' else name} {effect:+,.2f}"
        for name, effect in one["effects"].items()
        if effect
    )
    said = effects or one["reason"] or one["change"]
    return f"{one['trade_id']} ({one['book']}): {said}"


def _flat(one: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in one.items() if name != "effects"}
    return {**rest, **{step: one["effects"].get(step) for step in STEPS}}


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    names = ("currency", "trade_id", "desk", "book", "type", "change")
    values = ("npv", "npv_corrected", *STEPS, "reason")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, (*names, *values))
        writer.writeheader()
        writer.writerows(rows)


def moment(text: str) -> dt.date | dt.datetime:
    """A date, or a time with its zone."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return _time(text)


def known_at(text: str) -> dt.datetime:
    """``now``, or a time with its zone."""
    return dt.datetime.now(dt.UTC) if text == "now" else _time(text)


def _time(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a date such as 2024-03-05 nor a time with its zone such as "
            "2024-03-05T21:00:00Z"
        )
    return found

"""``manage.py fit_bonds``: fit a government curve to the bond prices of a book file.

It prints the parameters, zero rates, and how rich or cheap each bond is; no server is needed.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from instruments.management.options import iso_date
from pricing.batch.files import BadFile, read_book
from pricing.batch.government_curve import GovernmentCurve, fit_government_curve
from pricing.curves.bonds.svensson import MODELS
from pricing.errors import PricingError
from pricing.markets.conventions import CURVES
from pricing.products.fixed_rate_bond import BondTerms

TENORS = (1, 2, 3, 5, 7, 10, 15, 20, 30)
PIPE_WIDTH = 120


class Command(BaseCommand):
    """Fit a curve to the bonds of a book file, and list which are rich or cheap."""

    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--book", type=Path, required=True, metavar="BOOK.json", help="book file of bonds"
        )
        parser.add_argument(
            "--curve",
            required=True,
            choices=list(CURVES),
            metavar="USD-GOVT",
            help="curve that the bonds are discounted on",
        )
        parser.add_argument("--date", type=iso_date, required=True, help="date of the prices")
        parser.add_argument(
            "--model", choices=list(MODELS), default="svensson", help="default: svensson"
        )
        parser.add_argument(
            "--out", type=Path, metavar="OUT.json", help="write JSON; default: print a table"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Fit; a bond that could not be taken is named."""
        try:
            book = read_book(options["book"])
            bonds = [terms for terms in book.trades if isinstance(terms, BondTerms)]
            model = options["model"]
            found = fit_government_curve(bonds, options["curve"], options["date"], model)
        except BadFile as error:
            raise CommandError(str(error), returncode=2) from None
        except PricingError as error:
            raise CommandError(str(error), returncode=1) from None
        for failure in found.left_out:
            self.stderr.write(f"{failure.trade_id}: {failure.code}: {failure.message}")
        answer = answer_of(found, options["curve"], options["date"], model)
        if options["out"] is not None:
            try:
                text = msgspec.json.format(msgspec.json.encode(answer), indent=1)
                options["out"].write_bytes(text)
            except OSError as error:
                reason = f"{options['out']}: {error.strerror}"
                raise CommandError(reason, returncode=2) from None
            return
        # A pipe has no width of its own; eighty columns would cut every number.
        console = Console()
        show(answer, console if console.is_terminal else Console(width=PIPE_WIDTH))


def answer_of(found: GovernmentCurve, curve: str, date: dt.date, model: str) -> dict[str, Any]:
    """All numbers, the cheapest bond first."""
    zeros = found.curve.zero_rates(np.array(TENORS, dtype=float))
    return {
        "curve": curve,
        "valuation_date": date.isoformat(),
        "model": model,
        "betas": list(found.curve.betas),
        "decays_years": list(found.curve.decays),
        "zero_rates": {f"{t}Y": float(z) for t, z in zip(TENORS, zeros, strict=True)},
        "bonds": [
            {
                "trade_id": bond.trade_id,
                "maturity_date": bond.maturity.isoformat(),
                "clean_price": bond.clean,
                "model_clean_price": bond.model_clean,
                "cheap_bp": bond.cheap_bp,
            }
            for bond in sorted(found.bonds, key=lambda bond: -bond.cheap_bp)
        ],
    }


def show(answer: dict[str, Any], console: Console) -> None:
    """Tables for people."""
    betas = ", ".join(f"{beta:.5%}" for beta in answer["betas"])
    decays = ", ".join(f"{years:.4f}" for years in answer["decays_years"])
    console.print(f"{answer['curve']} {answer['valuation_date']}, {answer['model']}")
    console.print(f"betas {betas}; decay times {decays} years")
    zeros = ", ".join(f"{tenor} {rate:.4%}" for tenor, rate in answer["zero_rates"].items())
    console.print(f"zero rates: {zeros}")
    table = Table("Bond", "Maturity", "Clean", "Model", "Cheap bp")
    for bond in answer["bonds"]:
        table.add_row(
            bond["trade_id"],
            bond["maturity_date"],
            f"{bond['clean_price']:.4f}",
            f"{bond['model_clean_price']:.4f}",
            f"{bond['cheap_bp']:+.2f}",
        )
    console.print(table)

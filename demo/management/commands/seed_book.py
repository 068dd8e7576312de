"""``manage.py seed_book``: store the sample book and generated trades in the database."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain, islice

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from rich.progress import Progress
from simple_history.utils import bulk_create_with_history

from demo import sample, sample_bonds, sample_currencies, sample_products
from instruments import trade_repository
from instruments.models import (
    Bond,
    BondPosition,
    Book,
    Deliverable,
    Desk,
    Issuer,
    Trade,
    trade_models,
)
from instruments.models.book_version import book_changed, bulk_change
from pricing.markets.conventions import CURRENCIES
from pricing.products.terms import Terms

ROWS_AT_ONCE = 1_000
REASON = "manage.py seed_book"
OURS = Q(trade_id__startswith=sample.SAMPLE_PREFIX) | Q(
    trade_id__startswith=sample.GENERATED_PREFIX
)


class Command(BaseCommand):
    """Add missing trades in one transaction; running it again is safe."""

    help = "Load the sample book (200 trades), or more trades in the same manner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--trades", type=int, default=sample.SAMPLE_SIZE, help="total number of trades"
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=sample.SEED,
            help=("seed of the generated trades, those after the first 200"),
        )
        parser.add_argument(
            "--every-product",
            action="store_true",
            help="add a few trades of each product that the others are not of, in "
            f"{', '.join(sample_currencies.CURRENCIES)}",
        )
        parser.add_argument(
            "--currency",
            action="append",
            dest="currencies",
            metavar="CCY",
            help="with --every-product: another currency that has conventions; repeatable",
        )
        parser.add_argument(
            "--clear",
            action="store_true",
            help=(
                "delete the sample and generated trades and the bonds that no other trade "
                "uses; add nothing"
            ),
        )

    def handle(
        self,
        *args: object,
        trades: int,
        seed: int,
        every_product: bool,
        clear: bool,
        currencies: list[str] | None = None,
        **options: object,
    ) -> None:
        """Seed or clear, as one change of the book."""
        more = [name.upper() for name in currencies or ()]
        for name in more:
            if name not in CURRENCIES:
                known = ", ".join(CURRENCIES)
                raise CommandError(f"--currency {name}: not allowed; allowed: {known}")
        if more and not every_product:
            raise CommandError(f"--currency {more[0]}: only with --every-product")
        with bulk_change():
            wanted = tuple(dict.fromkeys((*sample_currencies.CURRENCIES, *more)))
            said = _clear() if clear else _seed(trades, seed, wanted if every_product else ())
        self.stdout.write(f"{said} Book version {trade_repository.current_version()}.")


def _clear() -> str:
    removed = sum(model._default_manager.filter(OURS).delete()[0] for model in trade_models())
    Deliverable.objects.filter(code__startswith=sample.SAMPLE_PREFIX).delete()
    codes = [bond.code for bond in (*sample_bonds.bonds(), *_extra_bonds(CURRENCIES))]
    unused = Bond.objects.filter(positions__isnull=True, deliverable_into__isnull=True)
    bonds, _ = unused.filter(code__in=codes).delete()
    return f"{removed} trades and {bonds} bonds deleted; desks and books are kept."


def _extra_bonds(currencies: Sequence[str]) -> list[sample_bonds.SampleBond]:
    """The bonds that the generated book does not have."""
    theirs = [bond for currency in currencies for bond in sample_currencies.bonds(currency)]
    return [*sample_bonds.OTHERS, *sample_bonds.FOR_FUTURES, *theirs]


def _seed(count: int, seed: int, currencies: Sequence[str]) -> str:
    """Store the book, and with currencies the trades of every product in them."""
    others = sample_products.trades(currencies) if currencies else []
    books = _books(currencies)
    bonds = _bonds([*sample_bonds.bonds(), *(_extra_bonds(currencies) if currencies else ())])
    if others:
        _baskets(bonds)
    have = {
        trade_id
        for model in trade_models()
        for trade_id in model._default_manager.filter(OURS).values_list("trade_id", flat=True)
    }
    added = 0
    with Progress(disable=not sys.stdout.isatty()) as progress:
        task = progress.add_task("Trades", total=count + len(others))
        for batch in _batches(chain(sample.trades(count, seed), others)):
            new = [terms for terms in batch if terms.trade_id not in have]
            _insert(new, books, bonds)
            added += len(new)
            progress.advance(task, len(batch))
    if added:
        book_changed()  # bulk_create sends no signal
    return f"{added} trades added, {count + len(others) - added} existed."


def _batches(trades: Iterator[Terms]) -> Iterator[list[Terms]]:
    while batch := list(islice(trades, ROWS_AT_ONCE)):
        yield batch


def _books(currencies: Sequence[str]) -> dict[str, int]:
    """Primary keys by code."""
    of_currencies = {
        sample_currencies.book_of(name): (
            sample_currencies.desk_of(name)[0],
            sample_currencies.book_name(name),
        )
        for name in currencies
    }
    names = sample.DESKS | dict(sample_currencies.desk_of(name) for name in currencies)
    desks = {
        code: Desk.objects.get_or_create(code=code, defaults={"name": name})[0]
        for code, name in names.items()
    }
    return {
        code: Book.objects.get_or_create(code=code, defaults={"name": name, "desk": desks[desk]})[
            0
        ].pk
        for code, (desk, name) in (sample.BOOKS | of_currencies).items()
    }


def _bonds(universe: list[sample_bonds.SampleBond]) -> dict[str, int]:
    """Primary keys by name."""
    have = set(Bond.objects.values_list("code", flat=True))
    issuers = _issuers(universe)
    rows = []
    for bond in (each for each in universe if each.code not in have):
        row = trade_repository.bond_row(bond.terms(), bond.code, is_sample=bond.is_sample)
        row.issuer_id = issuers.get(bond.static.get("issuer", ""))
        rows.append(row)
    bulk_create_with_history(rows, Bond, default_change_reason=REASON)
    if rows:
        book_changed()
    keys = dict(Bond.objects.values_list("code", "pk"))
    return {bond.static["name"]: keys[bond.code] for bond in universe}


def _issuers(universe: list[sample_bonds.SampleBond]) -> dict[str, int]:
    """Primary keys of the governments whose bonds these are, by code."""
    used = {bond.static.get("issuer") for bond in universe}
    return {
        code: Issuer.objects.get_or_create(code=code, defaults={"name": name, "country": country})[
            0
        ].pk
        for code, name, country in sample_bonds.ISSUERS.values()
        if code in used
    }


def _baskets(bonds: dict[str, int]) -> None:
    """Insert the bonds that may be delivered into the sample futures."""
    have = set(Deliverable.objects.values_list("code", flat=True))
    rows = [
        Deliverable(
            code=f"{sample.SAMPLE_PREFIX}{contract}.{bond.code.removeprefix(sample.SAMPLE_PREFIX)}",
            contract=contract,
            bond_id=bonds[bond.static["name"]],
            z_spread_bp=Decimal(repr(bond.z_spread_bp)),
            conversion_factor=(
                None if bond.conversion_factor is None else Decimal(repr(bond.conversion_factor))
            ),
        )
        for contract, bond in sample_products.deliverables()
    ]
    new = [row for row in rows if row.code not in have]
    bulk_create_with_history(new, Deliverable, default_change_reason=REASON)
    if new:
        book_changed()


def _insert(trades: list[Terms], books: dict[str, int], bonds: dict[str, int]) -> None:
    rows: dict[type[Trade], list[Trade]] = {}
    for terms in trades:
        links = {"book_id": books[terms.book]}
        if terms.product == BondPosition.product:
            links["bond_id"] = bonds[str(getattr(terms, "name", ""))]
        row = trade_repository.trade_row(terms, **links)
        rows.setdefault(type(row), []).append(row)
    for model, some in rows.items():
        bulk_create_with_history(some, model, default_change_reason=REASON)

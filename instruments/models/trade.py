"""The base of the tables of trades: an identifier, a book, a status, and how it becomes terms."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache, reduce
from typing import Any, ClassVar, NamedTuple, Protocol

import msgspec
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, Value

from instruments import validation
from instruments.models.desk import Book
from instruments.models.row import PricedRow
from pricing.errors import BadInput
from pricing.products.registry import PRODUCTS


class Status(models.TextChoices):
    """Status of a trade; only active trades are priced."""

    ACTIVE = "active", "active"
    MATURED = "matured", "matured"
    CANCELLED = "cancelled", "cancelled"


class Written(Protocol):
    """What was written since an earlier reading, see ``row_changes.Written``."""

    def of(self, model: type[models.Model]) -> frozenset[str]:
        """The written rows of a table."""


class Trade(PricedRow):
    """Base of the tables of trades, one table for each product.

    The table of a product sets ``product``, its name in the table of products, and ``end_date``,
    the path of a query to the date on which a trade ends, or has its own ``ended_before``.
    ``currency_from`` is the path to what gives the currency, where no column has it.
    Its columns are named as the fields of the terms; ``terms_columns`` says where another table has
    them.
    """

    product: ClassVar[str]
    end_date: ClassVar[str]
    currency_from: ClassVar[str] = "currency"

    trade_id = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    book = models.ForeignKey(Book, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=9,
        choices=Status,
        default=Status.ACTIVE,
        help_text=("only active trades are priced"),
    )
    upfront_fee = models.DecimalField(
        max_digits=20,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="paid when the trade was made, in its currency; what was received is negative; "
        "for the explain of P&L",
    )
    termination_fee = models.DecimalField(
        max_digits=20,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="paid when the trade was ended early, in its currency; what was received is "
        "negative; for the explain of P&L",
    )

    class Meta:
        abstract = True
        ordering = ("trade_id",)

    def __str__(self) -> str:
        return self.trade_id

    def clean(self) -> None:
        """Refuse what cannot become Terms; one identifier names one trade, of any product."""
        super().clean()
        self.check_terms()
        if any(found.model is not type(self) for found in stored_under([self.trade_id])):
            raise ValidationError({"trade_id": taken(self.trade_id)})

    @property
    def is_over(self) -> bool:
        """A stored trade that is not priced: it can be cancelled although its terms are wrong."""
        return self.status != Status.ACTIVE and not self._state.adding

    def check_terms(self) -> None:
        """Refuse what cannot become Terms, without asking the database for other trades."""
        with validation.as_form_errors(("trade_id",)):
            validation.check_code("trade_id", self.trade_id)
        values = self.terms_values()
        if self.is_over or any(values[name] is None for name in _required(self.product)):
            return  # not priced; or the form already says what is missing
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            self.check_contract(validation.terms_of(self.product, values))

    @classmethod
    def ended_before(cls, day: dt.date) -> models.Q:
        """The trades that ended before a day."""
        return models.Q((f"{cls.end_date}__lt", day))

    @classmethod
    def currencies(cls) -> set[str]:
        """Return the currencies of all its rows."""
        path = cls.currency_from
        found = set(cls._default_manager.order_by().values_list(path, flat=True).distinct())
        if "__" in path:
            return found
        rows: list[Any] = [cls(**{path: value}) for value in found]
        return {row.currency for row in rows} - {""}

    def check_contract(self, terms: Any) -> None:
        """Check rules that the terms alone cannot check; raises BadInput."""

    @classmethod
    def price_paid(cls, values: Mapping[str, Any]) -> Decimal | None:
        """Return what was paid for a trade, in trade currency; None where it is not stored.

        Args:
            values: Its columns, of the row or of a line of its history.
        """
        fee: Decimal | None = values["upfront_fee"]
        return fee

    def doubts(self) -> dict[str, str]:
        """Sentences by field on values that are allowed and may be mistakes."""
        return {}

    @classmethod
    @cache
    def terms_columns(cls) -> dict[str, str]:
        """Return the query path of the column of each field of the terms."""
        fields = PRODUCTS[cls.product].terms.__struct_fields__
        return {**{name: name for name in fields}, "book": "book__code"}

    @classmethod
    def with_terms(cls, rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """Rows of the table, with all that ``terms_columns`` names."""
        return rows

    @classmethod
    def changed_with(cls, written: Written) -> models.Q:
        """The trades whose terms are made of a written row of another table."""
        found = models.Q(pk__in=())
        for path in cls.terms_columns().values():
            name, _, rest = path.partition("__")
            if rest:
                related: Any = cls._meta.get_field(name).related_model
                keys = [int(key) for key in written.of(related)]
                found |= models.Q((f"{name}__in", keys))
        return found

    def terms_values(self) -> dict[str, object]:
        """The values of the fields of the terms; None for what is not given."""
        return {name: self._at(path) for name, path in self.terms_columns().items()}

    def _at(self, path: str) -> object:
        found: Any = self
        *links, column = path.split("__")
        for link in links:
            if getattr(found, f"{link}_id") is None:
                return None
            found = getattr(found, link)
        return getattr(found, column)


@cache
def _required(product: str) -> tuple[str, ...]:
    """Fields that the terms of a product cannot do without."""
    fields = msgspec.structs.fields(PRODUCTS[product].terms)
    return tuple(field.name for field in fields if field.required)


class QuotedTrade(Trade):
    """Base of trades with a quote, from which the first published market solves a number.

    ``quotes`` are the columns that make it, of which one may be given, ``quote_types`` those that
    say what it is, and ``solves`` is the column of the number.
    """

    quotes: ClassVar[tuple[str, ...]] = ()
    quote_types: ClassVar[tuple[str, ...]] = ()
    solves: ClassVar[str] = ""

    class Meta(Trade.Meta):
        abstract = True

    def save(self, **kwargs: Any) -> None:
        """Save; a new quote drops the number that the old one has made."""
        if not self._state.adding and self.is_quoted:
            stored = type(self)._base_manager.filter(pk=self.pk).first()
            if stored is not None:
                self.forget_solved(stored)
        super().save(**kwargs)

    @property
    def is_quoted(self) -> bool:
        """Return whether a quote makes the number."""
        return any(getattr(self, name) is not None for name in self.quotes)

    @classmethod
    def waiting(cls) -> Q:
        """The trades with a quote that has made no number yet."""
        quoted = [Q((f"{name}__isnull", False)) for name in cls.quotes]
        return Q(reduce(operator.or_, quoted), (f"{cls.solves}__isnull", True))

    def forget_solved(self, stored: QuotedTrade) -> None:
        """Clear a number that was solved from an earlier quote; keep one that a user entered."""
        names = (*self.quotes, *self.quote_types)
        quoted_anew = any(getattr(self, name) != getattr(stored, name) for name in names)
        kept = getattr(stored, self.solves) == getattr(self, self.solves)
        if self.is_quoted and quoted_anew and kept:
            setattr(self, self.solves, None)


def trade_models() -> tuple[type[Trade], ...]:
    """The tables of trades, one for each product."""
    return tuple(_tables_of(Trade.__subclasses__()))


def _tables_of(models_below: Iterable[type[Trade]]) -> Iterator[type[Trade]]:
    for model in models_below:
        if model._meta.abstract:
            yield from _tables_of(model.__subclasses__())
        else:
            yield model


class Stored(NamedTuple):
    """Where a trade is stored."""

    trade_id: str
    model: type[Trade]
    book: str


def stored_under(trade_ids: Collection[str]) -> list[Stored]:
    """Find each stored trade that has one of the identifiers; one query for all tables."""
    if not trade_ids:
        return []
    tables = {model.product: model for model in trade_models()}
    first, *others = (
        model._base_manager.filter(trade_id__in=trade_ids)
        .order_by()
        .values_list("trade_id", Value(product, models.TextField()), "book__code")
        for product, model in tables.items()
    )
    found = first.union(*others, all=True)
    return [Stored(trade_id, tables[product], book) for trade_id, product, book in found]


def taken(trade_id: str) -> str:
    """Sentence for an identifier that another trade has, whosoever and of whatever product."""
    return str(BadInput("trade_id", trade_id, "another trade has this identifier"))

"""Trades with a quote that a market makes another number of."""

from __future__ import annotations

import operator
from functools import reduce
from typing import Any, ClassVar

from django.db.models import Q

from instruments.models.trade import Trade


class QuotedTrade(Trade):
    """Base of trades of which a quote makes one number, on the first market that is published.

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
        """Whether a quote makes the number."""
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

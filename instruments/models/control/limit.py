"""Limits on exposures, and their temporary overrides."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from instruments import validation
from instruments.models.coded import Coded
from instruments.models.desk import Book, Desk
from instruments.models.row import Row
from pricing.errors import BadInput
from pricing.exposure import definition
from pricing.exposure.definition import Bounds, LimitTerms, Scope, Temporary

SOURCE_OF = {name: row.source for name, row in definition.MEASURES.items()}


def amount(**options: Any) -> models.DecimalField[Any, Any]:
    """A column for an amount of money, or of money per basis point."""
    return models.DecimalField(max_digits=20, decimal_places=4, **options)


def to_ns(moment: dt.datetime) -> int:
    """Nanoseconds since 1970."""
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


class Limit(Coded):
    """A limit on one exposure of one scope. Empty fields of the scope take all trades."""

    desk = models.ForeignKey(
        Desk,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="limits",
        help_text="only the books of this desk; empty: all",
    )
    book = models.ForeignKey(
        Book,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="limits",
        help_text="only this book; empty: all",
    )
    currency = models.CharField(
        max_length=3, blank=True, help_text="only trades of this currency; empty: all"
    )
    trade_type = models.CharField(
        max_length=32, blank=True, help_text="only trades of this type; empty: all"
    )
    measure = models.CharField(
        max_length=32,
        choices=[(row.name, row.label) for row in definition.MEASURES.values()],
        help_text="the quantity that is limited",
    )
    curve = models.CharField(max_length=32, blank=True, help_text="of a ladder")
    tenor = models.CharField(
        max_length=8, blank=True, help_text="of a ladder; empty: the sum of the curve's buckets"
    )
    level = models.CharField(
        max_length=8,
        default=definition.DEFAULT_LEVEL,
        help_text="percent, of value at risk and expected shortfall",
    )
    scenario = models.CharField(max_length=64, blank=True, help_text="name of a stress scenario")
    amounts_in = models.CharField(
        max_length=3, default="USD", help_text="currency of all amounts of the limit"
    )
    direction = models.CharField(
        max_length=8,
        default=definition.ABSOLUTE,
        choices=[(name, name) for name in definition.DIRECTIONS],
        help_text="absolute: the size of a number is limited; lower: it must not fall below",
    )
    warning = amount(null=True, blank=True, help_text="warn beyond this amount; empty: never")
    hard_limit = amount(help_text="a number beyond this amount is a breach")
    hysteresis = amount(
        default=Decimal(0),
        help_text="a number must come back by so much before a warning or a breach ends",
    )
    max_age_s = models.PositiveSmallIntegerField(
        "age limit in seconds",
        null=True,
        blank=True,
        help_text="an older number is unknown; empty: 60 for what is made beside the frames, and "
        "any age for frames",
    )
    four_eyes = models.BooleanField(
        default=False,
        help_text="a temporary limit needs an approver other than its author, and a breach is "
        "acknowledged by nobody who trades for the desk",
    )
    valid_from = models.DateField(null=True, blank=True, help_text="first day, UTC; optional")
    valid_until = models.DateField(
        null=True, blank=True, help_text="first day without the limit, UTC; optional"
    )

    class Meta(Coded.Meta):
        constraints = (models.CheckConstraint(condition=~Q(code=""), name="limit_has_a_code"),)

    def clean(self) -> None:
        """Refuse a limit that means nothing."""
        super().clean()
        if self.hard_limit is None or self.hysteresis is None:
            return  # the form already says that it is missing
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            definition.check_terms(self.terms())

    def terms(self) -> LimitTerms:
        """The limit with its approved temporary limits, as evaluation reads it."""
        stored = self.temporaries.all() if self.pk else ()
        begins = [to_ns(self.created)] if self.created else []
        begins += [_midnight(self.valid_from)] if self.valid_from else []
        return LimitTerms(
            code=self.code,
            scope=Scope(
                desk=self.desk.code if self.desk else "",
                book=self.book.code if self.book else "",
                currency=self.currency,
                product=self.trade_type,
            ),
            measure=self.measure,
            amounts_in=self.amounts_in,
            bounds=Bounds(hard=float(self.hard_limit), warning=_float(self.warning)),
            direction=self.direction,  # type: ignore[arg-type]  # one of its choices
            hysteresis=float(self.hysteresis),
            curve=self.curve,
            tenor=self.tenor,
            level=self.level,
            scenario=self.scenario,
            max_age_s=self._age_s(),
            from_ns=max(begins, default=0),
            until_ns=_midnight(self.valid_until) if self.valid_until else None,
            temporaries=tuple(found for one in stored if (found := one.terms()) is not None),
        )

    def _age_s(self) -> float | None:
        if self.max_age_s is not None:
            return float(self.max_age_s)
        made_beside = SOURCE_OF.get(self.measure, "sums") != "sums"
        return definition.DEFAULT_MAX_AGE_S if made_beside else None


class TemporaryLimit(Row):
    """Other bounds of a limit for a period that has an end, once somebody has approved it."""

    code = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    limit = models.ForeignKey(Limit, on_delete=models.PROTECT, related_name="temporaries")
    hard_limit = amount(help_text="in place of the limit's own")
    warning = amount(
        null=True, blank=True, help_text="empty: the limit's own, where it still comes first"
    )
    valid_from = models.DateTimeField(
        null=True, blank=True, help_text="not in the past; empty: from the approval on"
    )
    valid_until = models.DateTimeField(help_text="the override ends here")
    reason = models.CharField(max_length=250, help_text="why it is needed")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    approved_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-valid_until", "code")
        constraints = (
            models.CheckConstraint(condition=~Q(code=""), name="temporary_limit_has_a_code"),
            models.CheckConstraint(
                condition=Q(approved_at=None) | ~Q(approved_by=None),
                name="an_approval_has_an_approver",
            ),
        )

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse one that means nothing or is in the past, and changes of an approved one."""
        super().clean()
        if self.hard_limit is None or self.valid_until is None or self.limit_id is None:
            return  # the form already says that it is missing
        stored = TemporaryLimit.objects.filter(pk=self.pk).first() if self.pk else None
        now = timezone.now()
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            validation.check_code("code", self.code)
            definition.check_bounds(
                self.limit.direction,
                float(self.hard_limit),
                _float(self.warning),
                float(self.limit.hysteresis),
                field="hard_limit",
            )
            self._check_period(stored, now)
            if stored is not None and stored.approved_at is not None:
                self._check_unchanged(stored)

    def _check_period(self, stored: TemporaryLimit | None, now: dt.datetime) -> None:
        begin, end = self.valid_from, self.valid_until
        if begin is not None and begin < now and (stored is None or stored.valid_from != begin):
            raise BadInput("valid_from", str(begin), "not in the past: nothing is backdated")
        if end < now and (stored is None or stored.valid_until != end):
            raise BadInput("valid_until", str(end), "not in the past")
        if begin is not None and end <= begin:
            raise BadInput("valid_until", str(end), "later than valid_from")

    def _check_unchanged(self, stored: TemporaryLimit) -> None:
        """An approved override may end earlier; nothing else of it changes."""
        for name in ("limit_id", "hard_limit", "warning", "valid_from"):
            if getattr(self, name) != getattr(stored, name):
                field = name.removesuffix("_id")
                allowed = "unchanged: it is approved; make another temporary limit"
                raise BadInput(field, str(getattr(self, name)), allowed)
        if self.valid_until > stored.valid_until:
            allowed = f"at most {stored.valid_until}: it is approved until then"
            raise BadInput("valid_until", str(self.valid_until), allowed)

    def approve(self, user: Any) -> None:
        """Put the override in force, from now on at the earliest.

        Raises:
            BadInput: It is approved already, has ended, or needs another person.
        """
        now = timezone.now()
        if self.approved_at is not None:
            raise BadInput("code", self.code, f"it was approved at {self.approved_at}")
        if self.valid_until <= now:
            raise BadInput("code", self.code, f"it ended at {self.valid_until}")
        if self.limit.four_eyes and self.requested_by_id == user.pk:
            allowed = (
                f"another person than {user}, who asked for it, as {self.limit} needs four eyes"
            )
            raise BadInput("approved_by", str(user), allowed)
        self.approved_by, self.approved_at = user, now
        self.save()

    def terms(self) -> Temporary | None:
        """The override as evaluation reads it; None while nobody has approved it."""
        if self.approved_at is None:
            return None
        begin = max(self.valid_from or self.approved_at, self.approved_at)
        return Temporary(
            code=self.code,
            bounds=Bounds(hard=float(self.hard_limit), warning=_float(self.warning)),
            from_ns=to_ns(begin),
            until_ns=to_ns(self.valid_until),
        )


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _midnight(day: dt.date) -> int:
    return to_ns(dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC))

"""Named sets of what-if entries that users keep, and book."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.desk import Desk
from instruments.models.row import Row


class SetStatus(models.TextChoices):
    """Status of a set, which is booked once."""

    DRAFT = "draft", "draft"
    BOOKED = "booked", "booked"


class WhatIfSet(Row):
    """New trades, amendments and terminations that are not booked yet, of one desk.

    ``solved`` and ``versions`` are of the last preview: what the market gave by trade and column,
    and the versions of the rows that would change. Booking writes exactly these.
    """

    code = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    name = models.CharField(max_length=120, blank=True)
    desk = models.ForeignKey(Desk, on_delete=models.PROTECT, related_name="+")
    entries = models.JSONField(default=list, blank=True, help_text="as for what-if/")
    solved = models.JSONField(
        default=dict, blank=True, editable=False, help_text="by trade and column, as previewed"
    )
    versions = models.JSONField(
        default=dict, blank=True, editable=False, help_text="of changed trades, as previewed"
    )
    frames = models.JSONField(
        default=dict, blank=True, editable=False, help_text="frame of the preview by currency"
    )
    status = models.CharField(
        max_length=6, choices=SetStatus, default=SetStatus.DRAFT, editable=False
    )
    booked = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("code",)
        verbose_name = "what-if set"
        constraints = (
            models.CheckConstraint(condition=~Q(code=""), name="what_if_set_has_a_code"),
            models.CheckConstraint(
                condition=Q(status__in=SetStatus.values), name="what_if_set_status_is_known"
            ),
        )

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Refuse a code that cannot be part of an address."""
        super().clean()
        with validation.as_form_errors({"code"}):
            validation.check_code("code", self.code)

    def change_entries(self, entries: list[dict[str, Any]]) -> None:
        """Take other entries; what was solved for those before is void."""
        self.entries = entries
        self.solved, self.versions, self.frames = {}, {}, {}

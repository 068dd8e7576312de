"""Rows of the stress scenarios that users define."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from instruments import validation
from instruments.models.row import Row
from pricing.errors import BadInput
from pricing.scenarios import definition


class ScenarioShock(Row):
    """One move of a scenario; the rows of a scenario add up."""

    code = models.CharField(max_length=64, unique=True, help_text=validation.CODE_HELP)
    scenario = models.CharField(
        max_length=definition.MAX_NAME, help_text="the scenario that the row belongs to"
    )
    space = models.CharField(
        max_length=4,
        choices=[(name, name) for name in definition.SPACES],
        help_text="par moves quotes, and curves are rebuilt; zero moves zero rates",
    )
    currency = models.CharField(max_length=3, blank=True, help_text="empty: all currencies")
    curve = models.CharField(max_length=32, blank=True, help_text="empty: all of the currency")
    shape = models.CharField(
        max_length=8,
        choices=[(name, name) for name in definition.SHAPES],
        help_text="points are joined by lines and flat outside; a key rate is one tenor alone",
    )
    tenor = models.CharField(max_length=32, blank=True, help_text="empty for a parallel move")
    move_bp = models.DecimalField("move in bp", max_digits=9, decimal_places=4)

    class Meta:
        ordering = ("scenario", "code")
        verbose_name = "scenario shock"
        constraints = (
            models.CheckConstraint(condition=~Q(code=""), name="scenario_shock_has_a_code"),
            models.UniqueConstraint(
                fields=("scenario", "currency", "curve", "shape", "tenor"),
                name="one_shock_per_scenario_curve_and_tenor",
            ),
        )

    def __str__(self) -> str:
        return self.code

    def as_row(self) -> dict[str, str]:
        """The row as a table of scenarios has it."""
        return {name: str(getattr(self, name)) for name in definition.COLUMNS}

    def clean(self) -> None:
        """Refuse a row that means nothing, and a scenario in two spaces."""
        super().clean()
        if self.move_bp is None:
            return  # the form already says that it is missing
        with validation.as_form_errors({f.name for f in self._meta.fields}):
            validation.check_code("code", self.code)
            definition.check_row(self.as_row())
            others = ScenarioShock.objects.filter(scenario=self.scenario).exclude(pk=self.pk)
            spaces = set(others.values_list("space", flat=True)) - {self.space}
            if spaces:
                allowed = f"{spaces.pop()}: other rows of {self.scenario!r} are in it"
                raise BadInput("space", self.space, allowed)

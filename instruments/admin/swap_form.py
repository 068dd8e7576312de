"""The form of a swap, whose maturity is entered as a date or as a tenor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from instruments import validation
from instruments.admin.shared.row import RowForm
from pricing.errors import BadInput


class SwapForm(RowForm):
    tenor = forms.CharField(
        required=False,
        max_length=8,
        widget=UnfoldAdminTextInputWidget,
        help_text="may replace the termination date, such as 10Y or 18M",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "termination_date" in self.fields:  # not on a page that is only read
            self.fields["termination_date"].required = False

    def clean(self) -> dict[str, Any] | None:
        """Fill the termination date."""
        cleaned = super().clean() or self.cleaned_data
        tenor, start = cleaned.get("tenor"), cleaned.get("effective_date")
        end = cleaned.get("termination_date")
        if not tenor:
            if end is None and "termination_date" not in self.errors:
                raise ValidationError(
                    {"termination_date": ("Enter the termination date or a tenor.")}
                )
            return cleaned
        if start is None:
            return cleaned
        try:
            made = validation.end_after(start, tenor)
        except BadInput as error:
            raise ValidationError({"tenor": str(error)}) from None
        # A tenor takes precedence over the previous date.
        if end is not None and end != made and "termination_date" in self.changed_data:
            raise ValidationError({"tenor": f"{tenor} ends on {made}, not on {end}."})
        cleaned["termination_date"] = made
        return cleaned

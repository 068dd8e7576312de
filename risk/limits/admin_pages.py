"""The admin page for reviewing a breach; the dashboard links to it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from instruments import access
from instruments.admin.shared.changelist import ListAdmin
from pricing.errors import BadInput
from risk.limits import reviews
from risk.models import CLASSIFICATIONS, RESOLUTIONS, LimitBreach, LimitReview


def _choices(words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(word, word.replace("_", " ") or "---------") for word in words]


class ReviewForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of a review; it checks the four-eyes rule before saving."""

    classification = forms.ChoiceField(choices=_choices(CLASSIFICATIONS))
    resolution = forms.ChoiceField(choices=_choices(RESOLUTIONS))
    comment = forms.CharField(max_length=1000, required=False, widget=forms.Textarea)
    user: Any = None

    class Meta:
        """Its fields."""

        model = LimitReview
        fields = ("breach", "classification", "resolution", "comment")

    def clean(self) -> dict[str, Any] | None:
        """Refuse a reviewer who trades for the desk if the limit has ``four_eyes``."""
        cleaned = super().clean()
        breach = self.cleaned_data.get("breach")
        if breach is not None:
            try:
                reviews.check_four_eyes(breach, self.user)
            except BadInput as error:
                raise ValidationError(str(error)) from None
        return cleaned


@admin.register(LimitReview)
class LimitReviewAdmin(ListAdmin):
    """Reviews of breaches; they can be added but not changed or deleted."""

    form = ReviewForm
    list_display = ("breach", "by", "at", "classification", "resolution", "comment")
    list_select_related = ("breach__limit",)
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LimitReview]:
        """Return the reviews of breaches that the user may see."""
        rows: QuerySet[LimitReview] = super().get_queryset(request)
        desks = access.desks_seen(request.user)
        return rows if desks is None else rows.filter(breach__desk__in=[d for d in desks if d])

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return the form class with the current user."""
        form = super().get_form(request, obj, **kwargs)
        form.user = request.user
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer only breaches that the user may see."""
        rows = LimitBreach.objects.select_related("limit")
        desks = access.desks_seen(request.user)
        kwargs["queryset"] = (
            rows if desks is None else rows.filter(desk__in=[name for name in desks if name])
        )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Record the current user as the reviewer."""
        obj.user, obj.by = request.user, request.user.get_username()
        super().save_model(request, obj, form, change)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Allow users who may see limits."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow users who may see limits."""
        return bool(request.user.has_perm("instruments.view_limit"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow users who may review breaches."""
        return bool(request.user.has_perm(reviews.MAY_ACKNOWLEDGE))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: a review cannot be changed or deleted."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never: a review cannot be changed or deleted."""
        return False

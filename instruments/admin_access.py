"""Apply the access rules in the admin: visible rows, and who may create users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import RelatedFieldListFilter
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest

from instruments import access
from instruments.models import Book

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    Base = ModelAdmin[Any]
else:
    Base = object


class OwnDesks(Base):
    """First base of an admin whose rows belong to desks: others' rows cannot be changed."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows that the user may know of."""
        return access.visible(request.user, super().get_queryset(request))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The role's permission, and the row's desk."""
        return super().has_change_permission(request, obj) and self._mine(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The role's permission, and the row's desk."""
        return super().has_delete_permission(request, obj) and self._mine(request, obj)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer only books that the user may change, so that no trade moves to another desk."""
        if db_field.related_model is Book and not access.rules_all_desks(request.user):
            kwargs["queryset"] = Book.objects.filter(desk__in=access.own_desks(request.user))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _mine(self, request: HttpRequest, obj: Model | None) -> bool:
        return obj is None or access.may_write(request.user, obj)


class SeenRowsFilter(RelatedFieldListFilter):
    """A filter by another row that offers only rows the user may know of."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Any:
        """Key and name of each row that may be picked."""
        seen = access.visible(request.user, field.related_model._default_manager.all())
        return field.get_choices(
            include_blank=False,
            ordering=self.field_admin_ordering(field, request, model_admin),
            limit_choices_to={"pk__in": seen},
        )


class RoleUserAdmin(UserAdmin):  # type: ignore[type-arg]  # its parameter is for types only
    """Users and their roles. Only superusers may change superusers or give single permissions."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Superusers are hidden from others."""
        users = super().get_queryset(request)
        return users if _is_superuser(request) else users.filter(is_superuser=False)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Make fields read-only with which users could give themselves every right."""
        fields = super().get_readonly_fields(request, obj)
        return fields if _is_superuser(request) else (*fields, "is_superuser", "user_permissions")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the project's own roles only: another group may have more rights than the user."""
        if db_field.name == "groups" and not _is_superuser(request):
            kwargs["queryset"] = Group.objects.filter(name__in=access.ROLES)
        return super().formfield_for_manytomany(db_field, request, **kwargs)


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))

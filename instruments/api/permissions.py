"""REST permissions by role; a refusal names the role that is needed."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Model
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission, DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.views import APIView

from instruments import access

READS_MASTER = "instruments.view_swap"
READING = ("GET", "HEAD", "OPTIONS")


class ReadsMaster(BasePermission):
    """Allows any of the roles: users who may read trades may read risk."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Refuse users without a role.

        Raises:
            PermissionDenied: Naming the roles that may.
        """
        if request.user.has_perm(READS_MASTER):
            return True
        raise needs(access.ROLES, request)


class RolePermissions(DjangoModelPermissions):
    """Checks Django's permissions of the table, including reading, then the row's desk."""

    perms_map = {**DjangoModelPermissions.perms_map, "GET": ["%(app_label)s.view_%(model_name)s"]}

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Refuse what no role of the user allows.

        Raises:
            PermissionDenied: Naming the roles that may.
        """
        if super().has_permission(request, view):
            return True
        model = cast(Any, view).queryset.model
        raise needs(_roles(str(request.method), model), request)

    def has_object_permission(self, request: Request, view: APIView, obj: Model) -> bool:
        """Refuse changes of what belongs to another desk.

        Raises:
            PermissionDenied: Naming the desks that the user may change.
        """
        if request.method in READING:
            return True
        check_desk(request, obj)
        return True


def check_desk(request: Request, row: Model) -> None:
    """Refuse a row of another desk, stored or about to be.

    Raises:
        PermissionDenied: Naming the desks that the user may change.
    """
    user = cast(Any, request.user)
    if access.may_write(user, row):
        return
    own = ", ".join(access.own_desks(user).order_by("code").values_list("code", flat=True))
    sentence = f"{row} belongs to another desk; you may change trades of: {own or 'no desk yet'}"
    raise PermissionDenied(sentence, code="desk_required")


def needs(roles: tuple[str, ...], request: Request) -> PermissionDenied:
    """The refusal for users with none of these roles."""
    have = ", ".join(access.roles_of(request.user)) or "none"
    wanted = " or ".join(roles)
    return PermissionDenied(
        f"This needs the role {wanted}; your roles: {have}. An administrator gives roles",
        code=f"role_required {roles[0]}",
    )


def _roles(method: str, model: type[Model]) -> tuple[str, ...]:
    if method in READING:
        return access.ROLES
    trades = model._meta.model_name in access.OF_TRADERS and method != "DELETE"
    return (access.TRADER, access.RISK_ADMIN) if trades else (access.RISK_ADMIN,)

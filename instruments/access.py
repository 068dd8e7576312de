"""Decide which rows a user may see and change; used by REST and the admin.

There are three roles, Django groups that every `migrate` sets up; a user may have several:

    viewer       reads everything
    trader       reads and changes trades in the books of the desks that name the user
    risk_admin   reads and changes everything: instruments, books, desks, quarantine, users

The permission ``view_all_desks`` allows reading across desks: a trader who is also a viewer sees
all desks and changes only trades of their own desks.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db.models import Model, Q, QuerySet

from instruments.models import Book, Desk, Limit, TemporaryLimit, WhatIfSet, trade_models

Row = TypeVar("Row", bound=Model)
Reader = User | AnonymousUser

VIEWER, TRADER, RISK_ADMIN = "viewer", "trader", "risk_admin"
ROLES = (VIEWER, TRADER, RISK_ADMIN)
VIEW_ALL_DESKS = "instruments.view_all_desks"

DESK_PATHS: dict[type[Model], str] = {
    Desk: "",
    Book: "desk",
    WhatIfSet: "desk",
    **dict.fromkeys(trade_models(), "book__desk"),
}
"""Tables whose rows belong to a desk, each with the query path from a row to its desk."""

OTHER_PATHS: dict[type[Model], tuple[str, ...]] = {
    Limit: ("desk", "book__desk"),
    TemporaryLimit: ("limit__desk", "limit__book__desk"),
}
"""Tables whose rows belong to a desk by one of several query paths, or to no desk. A row without a
desk concerns all desks: only users who see all desks see it. Traders change none of these tables.
"""

TRADES = tuple(str(model._meta.model_name) for model in trade_models())
OF_TRADERS = (*TRADES, str(WhatIfSet._meta.model_name))
"""Tables that traders may write to."""


def roles_of(user: Reader) -> list[str]:
    """Names of the user's roles, sorted; a superuser may do what every role may."""
    if user.is_superuser:
        return sorted(ROLES)
    return sorted(group.name for group in user.groups.all())


def sees_all_desks(user: Reader) -> bool:
    """True for viewers, risk administrators and superusers."""
    return user.has_perm(VIEW_ALL_DESKS)


def desks_seen(user: Reader) -> frozenset[str] | None:
    """Codes of the desks whose risk the user may read; None for all of them."""
    if sees_all_desks(user):
        return None
    return frozenset(own_desks(user).values_list("code", flat=True))


def own_desks(user: Reader) -> QuerySet[Desk]:
    """Desks that name the user as a trader."""
    return Desk.objects.filter(traders=user.pk) if user.pk else Desk.objects.none()


def visible(user: Reader, rows: QuerySet[Row]) -> QuerySet[Row]:
    """The rows that the user may know of; the others do not exist for the user."""
    path = DESK_PATHS.get(rows.model)
    others = OTHER_PATHS.get(rows.model)
    if sees_all_desks(user) or (path is None and others is None):
        return rows
    if others is not None:
        own = [Q(**{f"{way}__in": own_desks(user)}) for way in others]
        return rows.filter(reduce(or_, own))
    desk = f"{path}__in" if path else "pk__in"
    return rows.filter(Q(**{desk: own_desks(user)}))


def visible_by_trade_id(user: Reader, rows: QuerySet[Row]) -> QuerySet[Row]:
    """Rows about trades, named by ``trade_id``, that the user may know of."""
    if sees_all_desks(user):
        return rows
    trades = (visible(user, model._default_manager.all()) for model in trade_models())
    named = (Q(trade_id__in=found.values("trade_id")) for found in trades)
    return rows.filter(reduce(or_, named))


def may_write(user: Reader, row: Model) -> bool:
    """Return whether the user may change the row: it is of an own desk, or of no desk.

    Whether the user may write such rows at all is for the permissions of the role.
    """
    if type(row) not in DESK_PATHS or rules_all_desks(user):
        return True
    return own_desks(user).filter(pk=_desk_id(row)).exists()


def books_written(user: Reader) -> frozenset[str] | None:
    """Return codes of the books whose trades the user may change; None for all."""
    if rules_all_desks(user):
        return None
    books = Book.objects.filter(desk__in=own_desks(user))
    return frozenset(books.values_list("code", flat=True))


def books_seen(user: Reader) -> frozenset[str] | None:
    """Codes of the books that the user may know of; None for all of them."""
    if sees_all_desks(user):
        return None
    return frozenset(visible(user, Book.objects.all()).values_list("code", flat=True))


def rules_all_desks(user: Reader) -> bool:
    """Return whether the user may change desks: risk administrators and superusers."""
    return user.has_perm("instruments.change_desk")


def _desk_id(row: Any) -> Any:
    if isinstance(row, Desk):
        return row.pk
    return row.desk_id if isinstance(row, Book | WhatIfSet) else row.book.desk_id


def set_roles(**_: object) -> None:
    """Make the groups of the roles, with their permissions; after every migration."""
    for app in ("instruments", "auth"):  # else the permissions may come after this receiver
        create_permissions(apps.get_app_config(app), verbosity=0)
    reading = _permissions("instruments", ("view",), _tables())
    everywhere = Q(codename="view_all_desks")
    writing = [name for name in _tables() if not name.startswith("historical")]
    granted = {
        VIEWER: reading | everywhere,
        TRADER: reading | _permissions("instruments", ("add", "change"), OF_TRADERS),
        RISK_ADMIN: reading
        | everywhere
        | _permissions("instruments", ("add", "change", "delete"), writing)
        | _permissions("auth", ("view", "add", "change"), ("user",)),
    }
    for role, wanted in granted.items():
        group, _made = Group.objects.get_or_create(name=role)
        group.permissions.set(Permission.objects.filter(wanted))


def _permissions(app: str, actions: Iterable[str], models: Iterable[str]) -> Q:
    codes = [f"{action}_{model}" for model in models for action in actions]
    return Q(content_type__app_label=app, codename__in=codes)


def _tables() -> list[str]:
    """Tables of the master, with their histories; what the project keeps for itself is not."""
    found = [
        str(model._meta.model_name) for model in apps.get_app_config("instruments").get_models()
    ]
    return [name for name in found if name not in ("reply", "bookversion")]

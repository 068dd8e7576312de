"""Who may make whom a user: no role may give itself more than it has."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from instruments import access


@pytest.fixture
def admin_of_roles(users: dict[str, Any]) -> Client:
    user = users["risk_admin"]
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    return client


def save(client: Client, user: User, **fields: Any) -> int:
    """Send the change form as it came, with other values."""
    address = f"/admin/auth/user/{user.pk}/change/"
    page = client.get(address)
    if page.status_code != 200:
        return page.status_code
    form = page.context["adminform"].form
    kept = {name: form.initial.get(name) for name in form.fields}
    kept = {name: value for name, value in kept.items() if value not in (None, False)}
    kept |= {"groups": [g.pk for g in kept.get("groups", [])]}
    kept |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    return client.post(address, kept | fields).status_code


def test_a_risk_administrator_gives_roles(admin_of_roles: Client, users: dict[str, Any]) -> None:
    group = Group.objects.get(name="trader")
    assert save(admin_of_roles, users["nobody"], groups=[group.pk]) == 302
    assert list(users["nobody"].groups.values_list("name", flat=True)) == ["trader"]


def test_a_risk_administrator_makes_no_superuser(
    admin_of_roles: Client, users: dict[str, Any]
) -> None:
    power = Permission.objects.get(codename="delete_user")
    for user in (users["nobody"], users["risk_admin"]):
        save(admin_of_roles, user, is_superuser="on", user_permissions=[power.pk])
        found = User.objects.get(pk=user.pk)
        assert not found.is_superuser
        assert not found.user_permissions.exists()
    assert save(admin_of_roles, users["superuser"], first_name="x") == 302  # "does not exist"
    assert not User.objects.get(username="root").first_name


def test_a_risk_administrator_cannot_take_a_superusers_password(
    admin_of_roles: Client, users: dict[str, Any]
) -> None:
    answer = admin_of_roles.get(f"/admin/auth/user/{users['superuser'].pk}/password/")
    assert answer.status_code in (302, 403, 404)


def token(*args: str, **options: Any) -> str:
    out = StringIO()
    call_command("create_token", *args, stdout=out, **options)
    return out.getvalue().strip()


def test_a_token_comes_with_user_role_and_desk(desks: dict[str, Any], client: Any) -> None:
    key = token("feed", "--role", "trader", "--desk", "RATES")
    user = User.objects.get(username="feed")
    assert not user.has_usable_password()
    assert list(user.desks.values_list("code", flat=True)) == ["RATES"]
    headers = {"Authorization": f"Token {key}"}
    rows = client.get("/api/v1/swaps/", headers=headers).json()["results"]
    assert [row["trade_id"] for row in rows] == ["S1"]
    assert token("feed") != key  # what was shown is shown no more
    assert client.get("/api/v1/swaps/", headers=headers).status_code == 200


def test_a_wrong_desk_makes_nothing(desks: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match="No desk FX; there are: CREDIT, RATES"):
        token("feed", "--role", "trader", "--desk", "FX")
    assert not User.objects.filter(username="feed").exists()
    with pytest.raises(CommandError, match="With --role viewer or trader or risk_admin"):
        token("nobody-there")


def test_every_role_exists_after_a_migration(db: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) >= set(access.ROLES)

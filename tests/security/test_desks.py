"""Trades belong to desks: a trader changes those of own desks, and sees no others."""

from __future__ import annotations

from typing import Any

from django.test import Client

from instruments import access
from instruments.models import Book, Quarantine, Swap
from tests.instruments.conftest import make_swap
from tests.security.conftest import by_token

SWAP = {
    "trade_id": "NEW",
    "book": "RATES-BOOK",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "pay",
    "notional": 1_000_000,
    "effective_date": "2024-03-15",
    "termination_date": "2029-03-15",
    "fixed_rate": 0.035,
}
OTHER = {**SWAP, "book": "CREDIT-BOOK"}


def test_a_trader_changes_trades_of_own_desks(users: dict[str, Any]) -> None:
    trader = by_token(users["trader"])
    assert trader.patch("/api/v1/swaps/S1/", {"notional": 7}).status_code == 200
    assert trader.post("/api/v1/swaps/", SWAP).status_code == 201
    assert Swap.objects.get(trade_id="NEW").history.first().history_user == users["trader"]


def test_a_file_has_the_trades_of_own_desks_alone(users: dict[str, Any]) -> None:
    for role, names in (("trader", [b"S1"]), ("viewer", [b"S1", b"S2"]), ("both", [b"S1", b"S2"])):
        answer = by_token(users[role]).get("/api/v1/swaps/?format=csv&fields=trade_id")
        assert answer.content.split() == [b"trade_id", *names], role
    refused = by_token(users["nobody"]).get("/api/v1/swaps/?format=csv")
    assert refused.status_code == 403
    assert by_token(users["trader"]).get("/api/v1/swaps/S2/?format=csv").status_code == 400


def test_trades_of_another_desk_do_not_exist_for_a_trader(users: dict[str, Any]) -> None:
    trader = by_token(users["trader"])
    for method in (trader.get, trader.patch, trader.delete):
        expected = 403 if method == trader.delete else 404
        assert method("/api/v1/swaps/S2/").status_code == expected
    assert [r["trade_id"] for r in trader.get("/api/v1/swaps/").json()["results"]] == ["S1"]
    assert [r["code"] for r in trader.get("/api/v1/desks/").json()["results"]] == ["RATES"]
    assert [r["code"] for r in trader.get("/api/v1/books/").json()["results"]] == ["RATES-BOOK"]
    answer = trader.post("/api/v1/swaps/", OTHER)
    assert answer.status_code == 400
    assert answer.json()["errors"]["book"] == [
        "book: 'CREDIT-BOOK' does not exist; there are: RATES-BOOK"
    ]


def test_who_sees_all_desks_is_told_which_are_not_in_hand(users: dict[str, Any]) -> None:
    both = by_token(users["both"])
    assert len(both.get("/api/v1/swaps/").json()["results"]) == 2
    for answer in (
        both.patch("/api/v1/swaps/S2/", {"notional": 7}),
        both.post("/api/v1/swaps/", OTHER),
        both.patch("/api/v1/swaps/S1/", {"book": "CREDIT-BOOK"}),
    ):
        assert answer.status_code == 403
        assert answer.json()["code"] == "DESK_REQUIRED"
        assert "you may change trades of: RATES" in answer.json()["detail"]
    assert Swap.objects.get(trade_id="S1").book.code == "RATES-BOOK"
    assert Swap.objects.get(trade_id="S2").version == 1


def test_many_rows_at_once_keep_to_the_desks_too(users: dict[str, Any]) -> None:
    answer = by_token(users["both"]).post("/api/v1/swaps/bulk/", [SWAP, {**OTHER, "trade_id": "X"}])
    assert answer.status_code == 400
    (row,) = answer.json()["rows"]
    assert (row["id"], list(row["row_errors"])) == ("X", ["book"])
    assert not Swap.objects.filter(trade_id="NEW").exists()


def refusals(answer: Any, trade_id: str) -> str:
    """Return what a bulk answer says of its rows, without the trade's own name."""
    assert answer.status_code == 400
    return str([row["row_errors"] for row in answer.json()["rows"]]).replace(trade_id, "?")


def test_bulk_answers_alike_to_trades_of_others_and_to_trades_there_are_not(
    users: dict[str, Any],
) -> None:
    trader = by_token(users["trader"])
    for columns in ({"status": "cancelled"}, {"book": "RATES-BOOK"}, {"version": 7}):
        found = [
            refusals(trader.post("/api/v1/swaps/bulk/", [{"trade_id": name, **columns}]), name)
            for name in ("S2", "NEVER")
        ]
        assert found[0] == found[1]
        assert "CREDIT" not in found[0]
    for path in ("swaps", "bond-positions"):
        books = [
            refusals(trader.post(f"/api/v1/{path}/bulk/", [{"trade_id": "X", "book": code}]), code)
            for code in ("CREDIT-BOOK", "CREDIX-BOOK")
        ]
        assert books[0] == books[1]


def test_an_identifier_that_is_taken_tells_neither_desk_nor_product(users: dict[str, Any]) -> None:
    trader = by_token(users["trader"])
    position = {"book": "RATES-BOOK", "bond": "T1", "face_amount": 1}
    calls = (
        ("swaps/", {**SWAP, "trade_id": "S2"}),
        ("swaps/bulk/", [{**SWAP, "trade_id": "S2"}]),
        ("bond-positions/", {**position, "trade_id": "S2"}),
        ("bond-positions/bulk/", [{**position, "trade_id": "S2"}]),
    )
    for path, body in calls:
        answer = trader.post(f"/api/v1/{path}", body)
        assert answer.status_code == 400
        text = answer.content.decode()
        assert "another trade has this identifier" in text
        assert "CREDIT" not in text
        assert "swap" not in answer.json()["detail"]
    swap = Swap.objects.get(trade_id="S2")
    assert (swap.book.code, swap.version) == ("CREDIT-BOOK", 1)


def test_the_admin_offers_only_own_desks_and_books_as_filters(users: dict[str, Any]) -> None:
    Quarantine.objects.create(trade_id="S1", currency="USD", frame=1, reason="a crash")
    Quarantine.objects.create(trade_id="S2", currency="USD", frame=1, reason="a crash")
    pages = ("swap", "bondposition", "book", "desk", "quarantine", "bond")
    for name, sees_all in (("trader", False), ("both", True)):
        users[name].is_staff = True
        users[name].save()
        client = Client()
        client.force_login(users[name], "django.contrib.auth.backends.ModelBackend")
        for page in pages:
            text = client.get(f"/admin/instruments/{page}/").content.decode()
            assert "Credit" not in text or sees_all, page
            assert "CREDIT" not in text or sees_all, page
            assert ">S2<" not in text or sees_all, page
        quarantined = client.get("/admin/instruments/quarantine/").content.decode()
        assert ">S1<" in quarantined
        assert (">S2<" in quarantined) == sees_all
        trades = client.get("/admin/instruments/swap/").content.decode()
        assert "RATES-BOOK" in trades
        assert ("CREDIT-BOOK" in trades) == sees_all


def test_a_refusal_names_the_role_that_is_needed(users: dict[str, Any]) -> None:
    body = by_token(users["viewer"]).patch("/api/v1/swaps/S1/", {"notional": 7}).json()
    assert body["code"] == "ROLE_REQUIRED TRADER"
    assert "role trader or risk_admin; your roles: viewer" in body["detail"]
    body = by_token(users["trader"]).patch("/api/v1/bonds/T1/", {"name": "x"}).json()
    assert body["code"] == "ROLE_REQUIRED RISK_ADMIN"


def test_roles_are_set_right_by_every_migration(users: dict[str, Any]) -> None:
    group = users["viewer"].groups.get()
    group.permissions.clear()
    access.set_roles()
    assert by_token(users["viewer"]).get("/api/v1/swaps/").status_code == 200


def test_no_role_may_forge_the_history_or_answers(users: dict[str, Any]) -> None:
    for role in access.ROLES:
        held = users[role].get_all_permissions()
        assert not [p for p in held if "reply" in p or "bookversion" in p]
        writes = [p for p in held if "historical" in p and not p.startswith("instruments.view_")]
        assert not writes


def test_the_admin_keeps_to_the_desks_too(users: dict[str, Any]) -> None:
    trader = users["trader"]
    trader.is_staff = True
    trader.save()
    client = Client()
    client.force_login(trader)
    own, other = (Swap.objects.get(trade_id=name) for name in ("S1", "S2"))
    assert client.get(f"/admin/instruments/swap/{own.pk}/change/").status_code == 200
    answer = client.get(f"/admin/instruments/swap/{other.pk}/change/")
    assert answer.status_code == 302  # "does not exist"
    page = client.get("/admin/instruments/swap/").content.decode()
    # Addresses, not names: two letters may turn up in a form's random token.
    assert f"/swap/{own.pk}/change/" in page
    assert f"/swap/{other.pk}/change/" not in page


def test_a_trade_cannot_be_moved_into_another_desks_book_in_memory_either(
    users: dict[str, Any],
) -> None:
    book = Book.objects.get(code="CREDIT-BOOK")
    assert not access.may_write(users["trader"], make_swap(book, trade_id="Z"))
    assert access.may_write(users["risk_admin"], make_swap(book, trade_id="Z"))

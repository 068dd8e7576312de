"""The commands can be run twice; what they cannot do they say in one sentence."""

from __future__ import annotations

import hashlib
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from knox.models import AuthToken

from demo.sample import SAMPLE_SIZE, trades
from instruments.models import Bond, BondPosition, Book, Desk, Limit, Swap, trade_models
from instruments.trade_repository import current_version, load_trades
from pricing.products.registry import PRODUCTS
from tests.instruments.conftest import make_swap

TABLES = (Desk, Book, Bond, BondPosition, Swap)


def run(name: str, *args: Any, **options: Any) -> str:
    out = StringIO()
    call_command(name, *args, stdout=out, **options)
    return out.getvalue()


def rows() -> list[list[Any]]:
    return [list(table.objects.order_by("pk").values()) for table in TABLES]


def test_seeding_twice_gives_the_same_rows_and_one_version(db: None) -> None:
    assert "200 trades added" in run("seed_book")
    first = rows()
    assert current_version() == 1
    assert "0 trades added, 200 existed" in run("seed_book")
    assert rows() == first
    assert current_version() == 1


def test_what_was_seeded_loads_as_what_was_generated(db: None) -> None:
    run("seed_book", trades=600)
    _, loaded, rejected = load_trades()
    assert rejected == []
    assert [t.terms for t in loaded] == sorted(trades(600), key=lambda terms: terms.trade_id)


def test_seeding_more_keeps_what_is_there_and_edits_of_it(db: None) -> None:
    run("seed_book")
    Swap.objects.filter(trade_id="SAMPLE-0150").update(notional=1)
    before = current_version()
    assert "100 trades added, 200 existed" in run("seed_book", trades=300)
    assert current_version() == before + 1
    assert Swap.objects.get(trade_id="SAMPLE-0150").notional == 1


def test_sample_limits_are_defined_once_and_edits_stay(db: None) -> None:
    assert "4 limits defined, 5 not" in run("seed_limits")  # of all desks: no desk exists yet
    run("seed_book")
    Limit.objects.filter(code="SAMPLE-VAR").update(hard_limit=1)
    assert "5 limits defined, 4 not" in run("seed_limits")
    assert "0 limits defined, 9 not" in run("seed_limits")
    assert Limit.objects.get(code="SAMPLE-VAR").hard_limit == 1
    terms = {limit.code: limit.terms() for limit in Limit.objects.all()}
    assert terms["SAMPLE-EUR-20Y"].scope.desk == "EUR-RATES"
    assert terms["SAMPLE-LOSS"].direction == "lower"


def test_clearing_removes_what_was_seeded_and_nothing_else(db: None) -> None:
    run("seed_book", trades=SAMPLE_SIZE + 50)
    make_swap(Book.objects.get(code="USD-SWAPS"), trade_id="MINE").save()
    before = current_version()
    assert "250 trades and 74 bonds deleted" in run("seed_book", clear=True)
    assert [swap.trade_id for swap in Swap.objects.all()] == ["MINE"]
    assert (BondPosition.objects.count(), Bond.objects.count()) == (0, 0)
    assert current_version() == before + 1


def test_every_product_is_seeded_in_eight_currencies_and_one_more(db: None) -> None:
    run("seed_book", "--every-product", "--currency", "nzd")
    loaded = load_trades()
    assert loaded.rejected == []
    found = {trade.terms.currency for trade in loaded.trades}
    assert found == {"USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "SEK", "NZD"}
    assert {trade.terms.product for trade in loaded.trades} == set(PRODUCTS)
    for model in trade_models():
        mine = [trade.terms for trade in loaded.trades if trade.terms.product == model.product]
        assert model.currencies() == {terms.currency for terms in mine}
    run("seed_book", clear=True)
    assert (load_trades().trades, Bond.objects.count()) == ([], 0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--every-product", "--currency", "ATS"), "--currency ATS: not allowed; allowed: USD"),
        (("--currency", "NZD"), "--currency NZD: only with --every-product"),
    ],
)
def test_seeding_refuses_a_currency_in_a_sentence(
    db: None, options: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("seed_book", *options)
    assert Desk.objects.count() == 0


def test_seeding_fails_whole(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("demo.management.commands.seed_book._insert", fails)
    with pytest.raises(RuntimeError):
        run("seed_book")
    assert all(table == [] for table in rows())


def test_the_first_administrator_gets_a_password_that_works(db: None, tmp_path: Path) -> None:
    file = tmp_path / "new" / "password"
    said = run("create_admin", password_file=file)
    password = file.read_text().strip()
    assert said == f"user: admin\npassword: {password}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    user = get_user_model().objects.get(username="admin")
    assert user.check_password(password)
    assert user.is_superuser


def test_a_second_run_changes_no_administrator(db: None, tmp_path: Path) -> None:
    file = tmp_path / "password"
    run("create_admin", password_file=file)
    first = file.read_text()
    assert "Administrator admin exists" in run("create_admin", password_file=file)
    assert file.read_text() == first
    assert get_user_model().objects.count() == 1


def test_a_password_that_cannot_be_stored_makes_no_user(db: None, tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(CommandError, match="cannot be written"):
        run("create_admin", password_file=tmp_path / "a-file" / "password")
    assert not get_user_model().objects.exists()


def test_an_ordinary_user_of_that_name_is_not_promoted(db: None) -> None:
    get_user_model().objects.create_user("admin")
    with pytest.raises(CommandError, match="use --username"):
        run("create_admin")


def test_a_token_is_shown_once_and_only_its_hash_is_kept(admin_user: Any) -> None:
    first = run("create_token", "admin").strip()
    (stored,) = AuthToken.objects.values()
    assert first not in str(stored)
    assert stored["digest"] == hashlib.sha512(first.encode()).hexdigest()
    second = run("create_token", "admin").strip()
    assert second != first
    assert AuthToken.objects.filter(user=admin_user).count() == 2
    run("create_token", "admin", renew=True)
    assert AuthToken.objects.filter(user=admin_user).count() == 1


def test_a_user_has_so_many_tokens_at_the_most(admin_user: Any) -> None:
    for _ in range(20):
        run("create_token", "admin")
    with pytest.raises(CommandError, match="has 20 tokens, which is the limit: --renew"):
        run("create_token", "admin")


def test_a_token_for_nobody_names_who_there_is(admin_user: Any) -> None:
    with pytest.raises(CommandError, match="No user bob; there are: admin"):
        run("create_token", "bob")

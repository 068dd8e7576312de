"""Limits and temporary limits: rows by file, REST and admin, and what they refuse."""

from __future__ import annotations

import datetime as dt
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from instruments.models import Book, Limit, TemporaryLimit
from pricing.errors import BadInput
from pricing.exposure.definition import Bounds, Scope
from tests.security.conftest import a_user, by_token, desks, users  # noqa: F401

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def limit(**changes) -> Limit:
    usual = {"code": "L1", "name": "Firm DV01", "measure": "dv01_par", "hard_limit": 1}
    return Limit(**{**usual, **changes})


def temporary(of: Limit, **changes) -> TemporaryLimit:
    usual = {
        "code": "T1",
        "limit": of,
        "hard_limit": "1.15",
        "valid_until": timezone.now() + HOUR,
        "reason": "month end",
    }
    return TemporaryLimit(**{**usual, **changes})


@pytest.fixture
def stored(db) -> Limit:
    found = limit()
    found.full_clean()
    found.save()
    return found


def test_a_file_adds_limits_and_shows_what_is_wrong_with_a_row(tmp_path, book):
    file = tmp_path / "limits.csv"
    file.write_text(
        "code,name,book,measure,curve,tenor,warning,hard_limit,four_eyes,valid_until\n"
        "B1-10Y,Ten years,B1,ladder_par,USD-SOFR,10Y,80000,100000,true,2030-01-01\n"
    )
    said = StringIO()
    call_command("load_instruments", str(file), stdout=said, stderr=said)
    found = Limit.objects.get(code="B1-10Y")
    assert found.book == book
    assert found.four_eyes
    terms = found.terms()
    assert terms.scope == Scope(book="B1")
    assert terms.bounds == Bounds(hard=100000.0, warning=80000.0)
    assert terms.until_ns == 1_893_456_000 * 10**9  # 2030-01-01T00:00Z
    assert found.history.count() == 1
    file.write_text("code,name,measure,hard_limit\nX,X,ladder_par,1\n")
    with pytest.raises(Exception, match="curve"):
        call_command("load_instruments", str(file), stdout=said, stderr=said)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"measure": "ladder_par"}, "curve"),
        ({"hard_limit": -1}, "hard_limit"),
        ({"warning": 2}, "warning"),
        ({"currency": "XXX"}, "currency"),
        ({"amounts_in": "XXX"}, "amounts_in"),
        ({"valid_from": dt.date(2030, 1, 2), "valid_until": dt.date(2030, 1, 1)}, "valid_until"),
    ],
)
def test_a_bad_limit_is_refused_at_its_field(changes, field):
    with pytest.raises(ValidationError) as caught:
        limit(**changes).full_clean()
    assert list(caught.value.message_dict) == [field]


def test_results_made_beside_the_frames_have_an_age_limit_of_their_own(stored):
    assert stored.terms().max_age_s is None
    assert limit(measure="var").terms().max_age_s == 60.0
    assert limit(measure="var", max_age_s=10).terms().max_age_s == 10.0


def test_a_limit_judges_nothing_that_was_published_before_it_was_made(stored):
    assert stored.terms().from_ns == int(stored.created.timestamp() * 1e6) * 1000


def test_a_temporary_limit_counts_from_its_approval(stored):
    author, other = (get_user_model().objects.create_user(name) for name in ("ann", "bob"))
    row = temporary(stored, requested_by=author)
    row.full_clean()
    row.save()
    assert stored.terms().temporaries == ()
    row.approve(other)
    (found,) = stored.terms().temporaries
    assert found.bounds.hard == 1.15
    assert found.from_ns == int(row.approved_at.timestamp() * 1e6) * 1000
    with pytest.raises(BadInput, match="was approved"):
        row.approve(other)
    assert row.history.count() == 2


def test_nothing_is_backdated(stored):
    now = timezone.now()
    with pytest.raises(ValidationError, match="nothing is backdated"):
        temporary(stored, valid_from=now - HOUR).full_clean()
    with pytest.raises(ValidationError, match="not in the past"):
        temporary(stored, valid_until=now - HOUR).full_clean()
    late = temporary(stored, valid_from=now + HOUR / 2)
    late.full_clean()
    late.save()
    # Approved after its planned start: it counts from the approval on.
    TemporaryLimit.objects.filter(pk=late.pk).update(valid_from=now - HOUR)
    late.refresh_from_db()
    late.approve(get_user_model().objects.create_user("bob"))
    assert late.terms().from_ns >= int(now.timestamp() * 1e9)


def test_four_eyes_are_two_persons(stored):
    Limit.objects.filter(pk=stored.pk).update(four_eyes=True)
    stored.refresh_from_db()
    author = get_user_model().objects.create_user("ann")
    row = temporary(stored, requested_by=author)
    row.save()
    with pytest.raises(BadInput, match="another person than ann"):
        row.approve(author)
    row.approve(get_user_model().objects.create_user("bob"))


def test_an_approved_one_can_end_earlier_and_nothing_else(stored):
    row = temporary(stored)
    row.save()
    row.approve(get_user_model().objects.create_user("bob"))
    for change in ({"hard_limit": 9}, {"valid_until": timezone.now() + 2 * HOUR}):
        again = TemporaryLimit.objects.get(pk=row.pk)
        for name, value in change.items():
            setattr(again, name, value)
        with pytest.raises(ValidationError) as caught:
            again.full_clean()
        assert list(caught.value.message_dict) == list(change)
    again = TemporaryLimit.objects.get(pk=row.pk)
    again.valid_until = timezone.now() + HOUR / 2
    again.full_clean()


def test_the_history_of_limits_stays(stored):
    def write():
        with connection.cursor() as cursor, transaction.atomic():
            cursor.execute("DELETE FROM instruments_historicallimit")

    with pytest.raises(Exception, match="only ever added to"):
        write()


# --- REST ----------------------------------------------------------------------------------------


def test_who_asks_and_who_approves_over_rest(users, stored):  # noqa: F811
    Limit.objects.update(four_eyes=True)
    client = by_token(users["risk_admin"])
    body = {
        "code": "T1",
        "limit": "L1",
        "hard_limit": "1.15",
        "valid_until": (timezone.now() + HOUR).isoformat(),
        "reason": "month end",
    }
    made = client.post("/api/v1/temporary-limits/", body, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["requested_by"] == "risk_admin"
    refused = client.post("/api/v1/temporary-limits/T1/approve/")
    assert refused.status_code == 409
    assert "another person" in refused.json()["detail"]
    second = by_token(a_user("second", "risk_admin"))
    approved = second.post("/api/v1/temporary-limits/T1/approve/")
    assert approved.status_code == 200
    assert approved.json()["approved_by"] == "second"
    assert client.delete("/api/v1/temporary-limits/T1/").status_code == 409
    assert by_token(users["trader"]).post("/api/v1/temporary-limits/T1/approve/").status_code == 403
    lie = {**body, "code": "T2", "approved_by": "risk_admin"}
    answer = client.post("/api/v1/temporary-limits/", lie, format="json")
    assert answer.json()["approved_by"] is None


def test_a_trader_sees_limits_of_the_own_desk_and_none_of_the_firm(users, desks):  # noqa: F811
    limit(code="FIRM").save()
    limit(code="OWN", desk=desks["RATES"]).save()
    limit(code="OWN-BOOK", book=Book.objects.get(code="RATES-BOOK")).save()
    limit(code="OTHER", book=Book.objects.get(code="CREDIT-BOOK")).save()
    temporary(Limit.objects.get(code="OTHER")).save()

    def seen(user: str) -> list[str]:
        rows = by_token(users[user]).get("/api/v1/limits/").json()["results"]
        return sorted(row["code"] for row in rows)

    assert seen("trader") == ["OWN", "OWN-BOOK"]
    assert seen("both") == seen("viewer") == ["FIRM", "OTHER", "OWN", "OWN-BOOK"]
    trader = by_token(users["trader"])
    assert trader.get("/api/v1/limits/FIRM/").status_code == 404
    assert trader.get("/api/v1/temporary-limits/T1/").status_code == 404
    assert trader.get("/api/v1/limits/OTHER/history/").status_code == 404
    new = {"code": "N", "name": "N", "measure": "npv", "hard_limit": "1"}
    assert trader.post("/api/v1/limits/", new, format="json").status_code == 403

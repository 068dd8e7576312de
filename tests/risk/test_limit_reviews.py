"""Reviews of breaches are only ever added to, in the database too."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction

from instruments.models import Limit
from risk.models import LimitBreach, LimitReview

pytestmark = pytest.mark.django_db


@pytest.fixture
def review() -> LimitReview:
    limit = Limit.objects.create(code="L1", name="L1", measure="npv", hard_limit=1)
    breach = LimitBreach.objects.create(
        limit=limit,
        frame=1,
        kind="sums",
        began=dt.datetime(2024, 3, 5, 17, tzinfo=dt.UTC),
        value=2,
        worst=2,
        hard_limit=1,
        scope="firm",
    )
    user = get_user_model().objects.create_user("ann")
    return LimitReview.objects.create(
        breach=breach, user=user, by="ann", classification="active", comment="as agreed"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"comment": "not agreed"},
        {"by": "bob"},
        {"classification": "data"},
        {"at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)},
    ],
)
def test_no_field_of_a_review_can_be_changed(review, change) -> None:
    with pytest.raises(DatabaseError, match="only ever added to: UPDATE"), transaction.atomic():
        LimitReview.objects.filter(pk=review.pk).update(**change)
    review.refresh_from_db()
    assert (review.comment, review.by) == ("as agreed", "ann")


def test_a_review_cannot_be_deleted_nor_given_to_another(review) -> None:
    with pytest.raises(DatabaseError, match="only ever added to: DELETE"), transaction.atomic():
        LimitReview.objects.all().delete()
    other = get_user_model().objects.create_user("bob")
    with pytest.raises(DatabaseError, match="only ever added to: UPDATE"), transaction.atomic():
        LimitReview.objects.update(user=other)
    assert LimitReview.objects.get().user.username == "ann"


def test_a_second_review_is_added_and_a_deleted_user_leaves_the_name(review) -> None:
    LimitReview.objects.create(breach=review.breach, by="bob", comment="closed")
    review.user.delete()
    first, second = LimitReview.objects.all()
    assert (first.user, first.by, second.by) == (None, "ann", "bob")

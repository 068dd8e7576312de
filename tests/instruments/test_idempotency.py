"""A write that is sent twice with one Idempotency-Key is made once."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from instruments.api import idempotency, views
from instruments.models import Book, Reply, Swap
from tests.instruments.conftest import make_swap
from tests.instruments.test_api import SWAP

KEY = {"Idempotency-Key": "order-17"}


def post(api: APIClient, body: Any, headers: Any = KEY, path: str = "swaps/") -> Any:
    return api.post(f"/api/v1/{path}", body, headers=headers)


def test_the_second_call_gets_the_first_answer_and_writes_nothing(
    api: APIClient, book: Book
) -> None:
    first, second = post(api, SWAP), post(api, dict(reversed(SWAP.items())))
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first
    assert post(api, SWAP, {}).status_code == 400  # without a key it is another trade
    assert (second.status_code, second["Idempotent-Replayed"]) == (201, "true")
    assert second.json() == first.json()
    assert Swap.objects.get().version == 1


def test_the_key_of_another_request_is_refused(api: APIClient, book: Book) -> None:
    post(api, SWAP)
    for again in (
        post(api, {**SWAP, "notional": 5}),
        post(api, [SWAP], path="swaps/bulk/"),
        post(api, {"code": "D", "name": "D"}, path="desks/"),
    ):
        assert (again.status_code, again.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")


def test_a_call_that_was_refused_is_judged_anew(api: APIClient, book: Book) -> None:
    assert post(api, {**SWAP, "fixed_rate": 4}).status_code == 400
    assert not Reply.objects.exists()
    assert post(api, SWAP).status_code == 201


def test_keys_belong_to_their_user(api: APIClient, book: Book, django_user_model: Any) -> None:
    post(api, SWAP)
    other = APIClient()
    other.force_authenticate(django_user_model.objects.create_superuser("other"))
    assert post(other, {**SWAP, "trade_id": "S2"}).status_code == 201


def test_a_key_is_free_again_after_a_day(api: APIClient, book: Book) -> None:
    post(api, SWAP)
    Reply.objects.update(created=timezone.now() - dt.timedelta(hours=24, minutes=1))
    assert post(api, {**SWAP, "trade_id": "S2"}).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ä"])
def test_a_key_that_is_none_is_refused(api: APIClient, book: Book, key: str) -> None:
    assert post(api, SWAP, {"Idempotency-Key": key}).status_code == 400
    assert not Swap.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_calls_at_once_make_one_trade(
    api: APIClient, book: Book, admin_user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the first is at work; when it asks again it gets the answer."""
    inside, go, seconds = threading.Event(), threading.Event(), []
    real = views.SwapViewSet.perform_create

    def slow(view: Any, serializer: Any) -> None:
        inside.set()
        assert go.wait(20)
        real(view, serializer)

    monkeypatch.setattr(views.SwapViewSet, "perform_create", slow)
    answers: list[Any] = []

    def first() -> None:
        client = APIClient()
        client.force_authenticate(admin_user)
        answers.append(post(client, SWAP))
        connections.close_all()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(20)
    seconds.append(post(api, SWAP))
    go.set()
    thread.join()
    assert answers[0].status_code == 201
    assert (seconds[0].status_code, seconds[0].json()["code"]) == (409, "IDEMPOTENCY_UNDER_WAY")
    assert seconds[0]["Retry-After"] == "1"
    assert post(api, SWAP).json() == answers[0].json()
    assert Swap.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_at_work_leaves_neither_trade_nor_claim(
    api: APIClient, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process ends here, after the write")

    monkeypatch.setattr(idempotency.Reply.objects, "create", dies)
    api.raise_request_exception = False
    assert post(api, SWAP).status_code == 500
    assert not connection.in_atomic_block
    assert not Swap.objects.exists()
    monkeypatch.undo()
    assert post(api, SWAP).status_code == 201


def test_a_preview_takes_a_key_too_and_reading_does_not_care(api: APIClient, book: Book) -> None:
    make_swap(book).save()
    assert api.get("/api/v1/swaps/S1/", headers=KEY).status_code == 200
    assert not Reply.objects.exists()

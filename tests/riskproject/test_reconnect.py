"""How soon a worker tries a broker again that does not answer."""

from __future__ import annotations

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from kombu.utils.imports import symbol_by_name

from riskproject.celery import app
from riskproject.celery_patches.reconnect import SoonBack
from tests.web_process import free_port


def test_a_broker_that_is_away_is_tried_again_within_a_second_however_long_it_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", slept.append)
    lonely = Celery(broker=f"redis://127.0.0.1:{free_port()}/0", set_as_current=False)
    lonely.conf.update(broker_connection_max_retries=8, broker_connection_retry_on_startup=True)
    worker = SoonBack.__new__(SoonBack)
    worker.app, worker.first_connection_attempt = lonely, True
    worker.broker_connection_retry_attempt = 0
    with pytest.raises(OperationalError):
        worker.ensure_connected(lonely.connection_for_read())
    waits = [wait for wait in slept if wait]
    assert waits == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0])


def test_workers_are_of_this_kind() -> None:
    assert symbol_by_name(app.conf.worker_consumer) is SoonBack

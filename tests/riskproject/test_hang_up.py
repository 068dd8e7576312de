"""A caller who hangs up while a workbook is read: its reader ends, and the server goes on."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from knox.models import AuthToken

from devstack.processes.supervise import children_of
from instruments.loading import workbook
from tests.instruments.test_loading_workbooks import bomb, processor_time_s
from tests.web_process import Web, running_web

PATIENCE_S = workbook.CLOCK_S / 2
"""A reader that is stopped does not end by itself before CLOCK_S."""


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory, store_url: str, database_url: str
) -> Iterator[Web]:
    base = tmp_path_factory.mktemp("hang-up")
    with running_web(base, REDIS_URL=store_url, DATABASE_URL=database_url) as found:
        yield found


@pytest.fixture(scope="module")
def token(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """Of a user whom the server sees too: made outside of the test's transaction."""
    with django_db_blocker.unblock():
        user = get_user_model().objects.create_superuser("uploader")
        try:
            yield AuthToken.objects.create(user=user)[1]
        finally:
            user.delete()


def until(what: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def upload(web: Web, token: str, content: bytes) -> socket.socket:
    head = (
        "POST /api/v1/swaps/bulk/ HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Token {token}\r\nContent-Length: {len(content)}\r\n"
        "Content-Type: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet\r\n\r\n"
    )
    line = socket.create_connection(("127.0.0.1", web.port), timeout=60)
    line.sendall(head.encode() + content)
    return line


def runs(pid: int) -> bool:
    """Return whether a process is there, and no zombie."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return bool(file.read())
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.django_db
def test_a_reader_ends_with_its_caller_and_makes_room_for_others(web: Web, token: str) -> None:
    content = bomb()
    for _ in range(workbook.READERS + 1):  # one more than may read at a time
        line = upload(web, token, content)
        (child,) = until(lambda: [pid for pid in children_of(web.process.pid) if runs(pid)])
        until(lambda child=child: processor_time_s(child) > 0.05)
        os.kill(child, signal.SIGSTOP)
        line.close()
        until(lambda child=child: not runs(child))
    with upload(web, token, b"PK\x03\x04 no workbook") as line:
        answer = line.recv(4096)
        while b"workbook" not in answer and (more := line.recv(4096)):
            answer += more
    assert b" 400 " in answer
    assert b"not an XLSX workbook" in answer
    assert "Traceback" not in web.log.read_text()

"""How long an unattended demo runs: from the first frame on."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from demo.management.commands import demo
from risk.store.frames import Frames
from tests.feedbridge.test_demo_summary import publish

SECONDS, PATIENCE_S = 0.1, 20.0


@pytest.fixture
def show(redis_client, redis_url, settings, tmp_path, monkeypatch):
    """Show a run of processes that are not started, in a thread of its own."""
    settings.REDIS_URL, settings.LOCAL_DIR = redis_url, tmp_path
    monkeypatch.setattr(demo, "LINE_EVERY_S", 0.02)
    monkeypatch.setattr(demo, "FIRST_FRAME_S", PATIENCE_S)

    def start(*left_out: str) -> threading.Thread:
        run = demo.Run({}, SECONDS, Console(file=io.StringIO()), left_out)
        made = threading.Thread(target=run._show)
        made.start()
        return made

    return start


def test_its_seconds_begin_with_the_first_frame(show, redis_client):
    shown = show()
    shown.join(5 * SECONDS)
    assert shown.is_alive()
    publish(Frames(redis_client), 1)
    shown.join(PATIENCE_S / 2)
    assert not shown.is_alive()


def test_without_any_frame_it_ends(show, monkeypatch):
    monkeypatch.setattr(demo, "FIRST_FRAME_S", SECONDS)
    shown = show()
    shown.join(PATIENCE_S)
    assert not shown.is_alive()


def test_without_its_own_replay_nobody_waits_for_a_frame(show):
    shown = show("replay")
    shown.join(PATIENCE_S / 2)
    assert not shown.is_alive()

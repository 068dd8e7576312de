"""Epochs rise, also above what a database younger than Redis has given."""

from __future__ import annotations

import pytest
from django.db import connection

from feedbridge.bridge.dispatch import EPOCH_SHIFT, FrameNumbers
from feedbridge.handover.epoch import next_epoch

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_epoch_is_above_the_one_before():
    first = next_epoch()
    assert next_epoch() == first + 1


@pytest.mark.parametrize("restarted", [True, False])
def test_an_epoch_can_be_asked_for_above_one_that_was_seen(restarted):
    if restarted:
        with connection.cursor() as cursor:
            cursor.execute("ALTER SEQUENCE feedbridge_epoch RESTART")
    above = next_epoch() + 7 if not restarted else 7
    drawn = next_epoch(above)
    assert drawn > above
    assert next_epoch() == drawn + 1


def test_numbers_go_on_above_a_frame_of_a_higher_epoch():
    numbers = FrameNumbers(1, next_epoch)
    seen = (next_epoch() + 3 << EPOCH_SHIFT) + 99
    numbers.renew(seen)
    first = numbers.next()
    assert first > seen
    assert numbers.next() == first + 1

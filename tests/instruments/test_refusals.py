"""Refusals stay short, however many names a caller sends."""

from __future__ import annotations

import pytest
from rest_framework.exceptions import ValidationError

from instruments.api.refusals import NAMES_SHOWN, refuse_unknown


def test_a_hundred_thousand_unknown_names_are_answered_with_the_first_few() -> None:
    names = [f"field{number}" for number in range(100_000)]
    with pytest.raises(ValidationError) as error:
        refuse_unknown(names, ("notional", "fixed_rate"), "field")
    detail = error.value.detail
    assert isinstance(detail, dict)
    assert list(detail)[:-1] == names[:NAMES_SHOWN]
    assert detail["non_field_errors"] == ["99,992 more names are unknown"]


def test_an_unknown_name_of_a_million_letters_is_cut() -> None:
    with pytest.raises(ValidationError) as error:
        refuse_unknown(["x" * 1_000_000], ("notional",), "field")
    assert len(str(error.value.detail)) < 1_000

"""Cards, sparklines and small tables as HTML."""

from __future__ import annotations

from dashboard import theme


def test_a_sparkline_has_one_colour_whatever_the_numbers_do() -> None:
    rising, falling = theme.sparkline([1.0, 2.0, 3.0]), theme.sparkline([3.0, 2.0, 1.0])
    assert 'points="0.0,28.0 50.0,14.0 100.0,0.0"' in rising
    assert 'points="0.0,0.0 50.0,14.0 100.0,28.0"' in falling
    assert "up" not in rising
    assert "down" not in falling


def test_a_sparkline_of_nothing_or_of_one_point_is_no_picture() -> None:
    assert theme.sparkline([]) == theme.sparkline([1.0]) == ""
    assert theme.sparkline([2.0, 2.0])  # a level line
    assert "<rect" in theme.sparkline([1.0], bars=True)
    assert theme.sparkline([], bars=True) == ""


def test_signed_money_is_coloured_by_its_sign() -> None:
    columns = (theme.Column("Desk"), theme.Column("P&L", "signed"))
    html = theme.table(columns, [("+x", "-1,447,735"), ("b", "+5"), ("c", "0"), ("d", "n/a")])
    assert '<td class="signed down" title="-1,447,735">-1,447,735</td>' in html
    assert '<td class="signed up" title="+5">+5</td>' in html
    assert '<td class="signed" title="0">0</td>' in html
    assert '<td class="text" title="+x">+x</td>' in html
    assert "P&amp;L" in html


def test_what_stands_in_a_card_or_table_is_text_and_no_markup() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    html = theme.cards([theme.Card(hostile, hostile, hostile, hostile)])
    html += theme.table((theme.Column(hostile),), [(hostile,)])
    assert "<img" not in html

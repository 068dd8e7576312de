"""Cards, sparklines and small tables as HTML."""

from __future__ import annotations

import re
from urllib.parse import unquote

from dashboard import theme
from pricing.products.registry import PRODUCT_NAMES


def drawing(points: list[float], *, bars: bool = False) -> str:
    """The SVG of a sparkline."""
    found = re.fullmatch(
        r'<img class="spark" alt="" src="data:image/svg\+xml,([^"]*)">',
        theme.sparkline(points, bars=bars),
    )
    assert found is not None
    return unquote(found[1])


def test_a_sparkline_has_one_colour_whatever_the_numbers_do() -> None:
    rising, falling = drawing([1.0, 2.0, 3.0]), drawing([3.0, 2.0, 1.0])
    assert 'points="0.0,28.0 50.0,14.0 100.0,0.0"' in rising
    assert 'points="0.0,0.0 50.0,14.0 100.0,28.0"' in falling
    colours = [set(re.findall(r"#[0-9a-f]{6}", text)) for text in (rising, falling)]
    assert colours == [{theme.SPARK}, {theme.SPARK}]


def test_a_sparkline_of_nothing_or_of_one_point_is_no_picture() -> None:
    assert theme.sparkline([]) == theme.sparkline([1.0]) == ""
    assert "polyline" in drawing([2.0, 2.0])  # a level line
    assert "<rect" in drawing([1.0], bars=True)
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
    assert "<img src=x" not in html


def test_every_product_has_a_colour_of_its_own() -> None:
    names = [*PRODUCT_NAMES, "annuity"]
    colours = {theme.product_color(name) for name in names}
    assert len(colours) == len(names)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)

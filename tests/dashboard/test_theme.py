"""Cards, sparklines and small tables as HTML."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

from dashboard import theme
from pricing.products.registry import PRODUCT_NAMES
from riskproject import design


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
    assert colours == [{theme.palette().accent}, {theme.palette().accent}]


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


def test_a_profit_has_the_colour_of_its_sign_and_a_level_has_none() -> None:
    values = ("+$5", "-$5", "$0", "n/a")
    html = theme.cards(theme.Card("P&L", value, signed=True) for value in values)
    styles = re.findall(r'class="(value[^"]*)"', html)
    assert styles == ["value up", "value down", "value", "value"]
    assert 'class="value"' in theme.cards([theme.Card("NPV", "-$5")])


def test_the_bar_of_a_use_warns_before_it_is_full_and_ends_there() -> None:
    column = (theme.Column("Used", "use"),)
    html = theme.table(column, [("79%",), ("80%",), ("1,349%",), ("n/a",)])
    bars = re.findall(r'<span class="(gauge[^"]*)" style="--use: ([^"]*)">', html)
    assert bars == [("gauge", "79%"), ("gauge near", "80%"), ("gauge over", "100%")]
    assert "</span>1,349%</td>" in html
    card = theme.cards([theme.Card("VaR", "$7m", use=62.0, points=[1.0, 2.0])])
    assert "--use: 62%" in card
    assert "<img" not in card  # one picture a card


def test_every_currency_of_the_sample_has_a_colour_of_its_own() -> None:
    names = theme.CURRENCIES_WITH_A_COLOR
    assert [theme.currency_color(name) for name in names] == list(theme.palette().series)


def test_what_stands_in_a_card_or_table_is_text_and_no_markup() -> None:
    hostile = "<img src=x onerror=alert(1)>"
    html = theme.cards([theme.Card(hostile, hostile, hostile, hostile)])
    html += theme.table((theme.Column(hostile),), [(hostile,)])
    assert "<img src=x" not in html


def test_every_product_has_a_colour_of_its_own() -> None:
    names = [*PRODUCT_NAMES, "not_a_product"]
    colours = {theme.product_color(name) for name in names}
    assert len(colours) == len(names)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)


# --- Design tokens ---------------------------------------------------------------------------

CONFIG = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())
STREAMLIT = {
    "primaryColor": "accent",
    "backgroundColor": "background",
    "secondaryBackgroundColor": "panel",
    "textColor": "text",
    "borderColor": "line",
    "dataframeBorderColor": "line",
    "dataframeHeaderBackgroundColor": "head",
    "redColor": "down",
    "orangeColor": "warning",
    "greenColor": "up",
    "chartCategoricalColors": "series",
}
BOTH = pytest.mark.parametrize("name", ["dark", "light"])
AA, GRAPHIC, APART = 4.5, 2.3, 11.0
"""Contrast of text by WCAG 2.2, 1.4.3; the least of a bar on its panel; CIE76 of two series."""

SIMULATED = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritan": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""Machado, Oliveira, Fernandes (2009), severity 1.0, on linear RGB."""


def linear(color: str) -> list[float]:
    """Linear sRGB of #rrggbb, IEC 61966-2-1."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def contrast(first: str, second: str) -> float:
    """Contrast ratio of WCAG 2.2."""
    lights = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(linear, (first, second))]
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def lab(color: str, eyes: str) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of a colour as some eyes see it."""
    rgb = linear(color)
    seen = [
        min(1.0, max(0.0, sum(weight * part for weight, part in zip(row, rgb, strict=True))))
        for row in SIMULATED[eyes]
    ]
    r, g, b = seen
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@BOTH
def test_streamlit_has_the_colours_of_the_tokens(name: str) -> None:
    told = CONFIG["theme"][name]
    assert told == {option: theme.DESIGN[name][token] for option, token in STREAMLIT.items()}


@BOTH
def test_every_text_has_the_contrast_of_wcag_aa(name: str) -> None:
    colors = theme.DESIGN[name]
    words = ("text", "muted", "accent", "warning", "up", "down", "official", "proxy", "synthetic")
    for surface in ("background", "panel"):
        poor = {w: contrast(colors[w], colors[surface]) for w in words}
        assert {w: ratio for w, ratio in poor.items() if ratio < AA} == {}, surface
    white = {name: contrast("#ffffff", color) for name, color in theme.DESIGN["pill"].items()}
    white["action"] = contrast("#ffffff", colors["action"])
    assert {word: ratio for word, ratio in white.items() if ratio < AA} == {}


@BOTH
@pytest.mark.parametrize("eyes", SIMULATED)
def test_series_stay_apart_for_every_eye(name: str, eyes: str) -> None:
    colors = theme.DESIGN[name]
    seen = [lab(color, eyes) for color in colors["series"]]
    near = [
        (colors["series"][i], colors["series"][j], math.dist(seen[i], seen[j]))
        for i in range(len(seen))
        for j in range(i)
        if math.dist(seen[i], seen[j]) < APART
    ]
    assert near == []
    assert math.dist(lab(colors["up"], eyes), lab(colors["down"], eyes)) > 2 * APART
    assert min(contrast(color, colors["panel"]) for color in colors["series"]) > GRAPHIC


def test_the_login_has_the_same_tokens() -> None:
    variables = design.css_variables()
    for token, color in theme.DESIGN["dark"].items():
        if token != "series":
            assert f"--{token}: light-dark({theme.DESIGN['light'][token]}, {color});" in variables
            assert f"--{token}: light-dark({theme.DESIGN['light'][token]}, {color});" in theme.css()


def test_no_colour_is_written_outside_of_the_tokens() -> None:
    root = Path(__file__).parents[2]
    sheets = [root / "dashboard" / "theme.css", *(root / "dashboard").rglob("*.py")]
    sheets.append(root / "instruments" / "templates" / "accounts" / "login.html")
    found = {
        (path.name, color)
        for path in sheets
        for color in re.findall(r"#[0-9a-f]{6}\b", path.read_text())
    }
    assert found == set()

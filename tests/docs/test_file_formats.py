"""The page, the schemas and the examples of ``manage.py price`` say what the command does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from django.core.management import CommandError, call_command

from docs import make_conventions, make_schemas
from pricing.batch.files import BookFile, MarketFile, MarketOfCurrency, read_book, read_market
from pricing.markets import conventions, vocabulary
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms

DOCS = Path(make_schemas.__file__).parent
PAGE = (DOCS / "file-formats.md").read_text()
MARKET, BOOK = DOCS / "examples/market.json", DOCS / "examples/book.json"
RELATIVE, ABSOLUTE = 1e-6, 1e-6


def price(out: Path, *options: str, market: Path = MARKET, book: Path = BOOK) -> Any:
    files = [f"--market={market}", f"--book={book}", f"--out={out}"]
    call_command("price", *files, *options)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return price(tmp_path_factory.mktemp("out") / "compiled.json")


def assert_same(found: Any, wanted: Any, path: str = "") -> None:
    """Same keys and words; numbers within rounding."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), path
        for key, value in wanted.items():
            assert_same(found[key], value, f"{path}/{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), path
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{path}/{number}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=RELATIVE, abs=ABSOLUTE), path
    else:
        assert found == wanted, path


def test_both_engines_price_the_examples_with_the_same_numbers(compiled, tmp_path):
    by_quantlib = price(tmp_path / "quantlib.json", "--engine=quantlib")
    assert by_quantlib.pop("engine") == "quantlib"
    assert_same({**compiled, "engine": None}, {**by_quantlib, "engine": None})
    assert compiled["failed"] == []
    assert [row["trade_id"] for row in compiled["trades"]] == [
        *("USD-OIS-5Y", "EUR-IRS-10Y", "UST-10Y", "GILT-SHORT")
    ]


def test_the_committed_answer_is_that_of_the_examples(compiled):
    assert_same(compiled, json.loads((DOCS / "examples/out.json").read_text()))


def test_signs_of_the_example_are_those_of_the_page(compiled):
    receiver, payer, long, short = compiled["trades"]
    for measure in ("dv01_par", "dv01_zero", "pv01"):
        assert receiver[measure] > 0 > payer[measure]
        assert long[measure] > 0 > short[measure]
    assert long["yield_dv01"] > 0 > short["yield_dv01"]
    assert long["clean_per_100"] == pytest.approx(98.2, abs=1e-9)
    assert short["z_spread_bp"] == pytest.approx(4.5)


@pytest.mark.parametrize(
    ("schema", "example"), [("market.schema.json", MARKET), ("book.schema.json", BOOK)]
)
def test_the_examples_fit_the_schemas_and_say_that_they_are_invented(schema, example):
    content, rules = json.loads(example.read_text()), json.loads((DOCS / schema).read_text())
    jsonschema.Draft202012Validator.check_schema(rules)
    jsonschema.validate(content, rules, format_checker=jsonschema.FormatChecker())
    assert content["source"].startswith("Invented")


@pytest.mark.parametrize(
    ("schema", "path", "value"),
    [
        ("market", ("markets", 0, "curves", "USD-SOFR", "1Y"), 4.2),
        ("market", ("markets", 0, "curves", "USD-LIBOR"), {}),
        ("market", ("markets", 0, "curves", "USD-SOFR", "1Q"), 0.04),
        ("market", ("ibor_coupons",), "par"),
        ("book", ("swaps", 0, "pay_receive"), "long"),
        ("book", ("swaps", 0, "nota"), 1),
        ("book", ("bonds", 0, "convention"), "US-BILL"),
        ("book", ("bonds", 0, "clean_price"), 0),
    ],
)
def test_the_schemas_refuse_what_the_command_refuses(schema, path, value, tmp_path):
    content = json.loads((DOCS / f"examples/{schema}.json").read_text())
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json.loads((DOCS / f"{schema}.schema.json").read_text()))
    file = tmp_path / f"{schema}.json"
    file.write_text(json.dumps(content))
    with pytest.raises(CommandError) as refused:
        price(tmp_path / "out.json", **{schema: file})
    assert refused.value.returncode == (2 if schema == "market" else 1)


def test_the_examples_are_what_the_readers_take():
    assert len(read_market(MARKET).markets) == 3
    book = read_book(BOOK)
    assert len(book.trades) == 4
    assert book.failed == []


@pytest.mark.parametrize(
    "kind", [MarketFile, MarketOfCurrency, BookFile, SwapTerms, BondTerms], ids=lambda k: k.__name__
)
def test_every_field_stands_on_the_page(kind):
    missing = [field for field in kind.__struct_fields__ if f"`{field}`" not in PAGE]
    assert missing == []


def test_every_field_of_the_answer_stands_on_the_page(compiled):
    fields = {*compiled, *(key for row in compiled["trades"] for key in row)}
    assert [field for field in sorted(fields) if f"`{field}`" not in PAGE] == []


def test_every_word_that_is_allowed_stands_on_the_page():
    words = [
        *vocabulary.CALENDARS,
        *vocabulary.DAY_COUNTS,
        *vocabulary.ROLLS,
        *vocabulary.FREQUENCIES,
    ]
    assert [word for word in words if f"`{word}`" not in PAGE] == []
    rows = [*conventions.CURVES, *conventions.INDICES, *conventions.SWAPS, *conventions.BONDS]
    assert [word for word in rows if f"`{word}`" not in PAGE + make_conventions.page()] == []


def defaults_under(heading: str) -> dict[str, str]:
    """Third column of the table below a heading, by each name in its first."""
    section = PAGE.split(f"{heading}\n")[1].split("\n#")[0]
    rows = re.findall(r"^\| (`[^|]*) \| [^|]* \| ([^|]*?) \|", section, re.MULTILINE)
    return {name: default for names, default in rows for name in re.findall(r"`(\w+)`", names)}


@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("## MARKET", (MarketFile, MarketOfCurrency)),
        ("## BOOK", (BookFile,)),
        ("### A swap", (SwapTerms,)),
        ("### A bond", (BondTerms,)),
        ("### A floating-rate note", (FloatingRateNoteTerms,)),
    ],
)
def test_what_the_page_says_is_required_is_required(heading, kinds):
    fields = [field for kind in kinds for field in msgspec.structs.fields(kind)]
    rows = defaults_under(heading)
    assert rows.keys() == {field.name for field in fields}
    for field in fields:
        assert (rows[field.name] == "required") == field.required, field.name


def test_a_failed_trade_ends_in_status_1_with_its_line_and_the_rest_priced(tmp_path, capsys):
    content = json.loads(BOOK.read_text())
    content["swaps"][0]["notional"] = "8m"
    book = tmp_path / "book.json"
    book.write_text(json.dumps(content))
    out = tmp_path / "out.json"
    with pytest.raises(CommandError) as failed:
        price(out, book=book)
    assert failed.value.returncode == 1
    assert "USD-OIS-5Y: BAD_INPUT: notional: '8m' is not valid" in capsys.readouterr().err
    assert len(json.loads(out.read_text())["trades"]) == 3


def test_a_file_that_cannot_be_used_ends_in_status_2_as_the_page_shows(tmp_path):
    market = tmp_path / "market.json"
    market.write_text(MARKET.read_text().replace('"1Y": 0.042,', '"1Y": 4.2,'))
    with pytest.raises(CommandError) as refused:
        price(tmp_path / "out.json", market=market)
    assert refused.value.returncode == 2
    shown = str(refused.value).replace(f"{tmp_path}/", "")
    assert f"CommandError: {shown}" in PAGE

"""Write docs/market.schema.json and docs/book.schema.json from the types of ``manage.py price``.

Run from the root of the repository: ``python -m docs.make_schemas``. The schemas hold what a
schema can say; what depends on other fields is said by the reader, in one sentence each.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from pricing.batch.files import BookFile, MarketFile
from pricing.curves.quote_ids import PATTERN
from pricing.curves.quotes import QUOTE_MAX, QUOTE_MIN
from pricing.markets import conventions
from pricing.products.bonds.quoted_bond import PRICE_MAX, PRICE_MIN
from pricing.products.registry import PRODUCTS

Json = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent
WIDTH = 96
NAMES = {
    "currency": conventions.CURRENCIES,
    "floating_index": conventions.INDICES,
    "stub_index": conventions.INDICES,
    "discount_curve": conventions.CURVES,
    "forecast_curve": conventions.CURVES,
    "first_forecast_curve": conventions.CURVES,
    "second_forecast_curve": conventions.CURVES,
}
"""Fields of terms that hold a name of a table, or nothing."""

REQUIRED_NAMES = dict.fromkeys(("index", "first_index", "second_index"), conventions.INDICES)
"""Fields of terms that hold a name of a table."""


def market_schema() -> Json:
    """Schema of a market file."""
    schema = msgspec.json.schema(MarketFile)
    currency = schema["$defs"]["MarketOfCurrency"]["properties"]
    currency["currency"] = {"enum": list(conventions.CURRENCIES)}
    currency["curves"] = {
        **currency["curves"],
        "propertyNames": {"enum": list(conventions.CURVES)},
        "additionalProperties": {
            "type": "object",
            "propertyNames": {"pattern": PATTERN},
            "additionalProperties": {"type": "number", "minimum": QUOTE_MIN, "maximum": QUOTE_MAX},
        },
    }
    prices = currency["prices"]
    prices["propertyNames"] = {"enum": list(conventions.CURVES)}
    prices["additionalProperties"]["propertyNames"] = {"pattern": PATTERN}
    prices["additionalProperties"]["additionalProperties"] = {
        "type": "number",
        "minimum": PRICE_MIN,
        "maximum": PRICE_MAX,
    }
    fixings = currency["fixings"]
    fixings["propertyNames"] = {"enum": list(conventions.INDICES)}
    fixings["additionalProperties"]["propertyNames"] = {"format": "date"}
    interpolation = schema["$defs"]["MarketFile"]["properties"]["interpolation"]
    interpolation["propertyNames"] = {"enum": list(conventions.CURVES)}
    return {"$schema": DRAFT, "title": "Market file of manage.py price", **schema}


def book_schema() -> Json:
    """Schema of a book file, its rows described by their terms."""
    kinds = [product.terms for product in PRODUCTS.values()]
    _, parts = msgspec.json.schema_components([BookFile, *kinds], ref_template="#/$defs/{name}")
    rows = parts["BookFile"]["properties"]
    for product in PRODUCTS.values():
        name = product.terms.__name__
        rows[product.plural]["items"] = {"$ref": f"#/$defs/{name}"}
        fields = parts[name]["properties"]
        fields |= {field: _or_null(names) for field, names in NAMES.items() if field in fields}
        fields |= {
            field: {"enum": list(names)}
            for field, names in REQUIRED_NAMES.items()
            if field in fields
        }
    for name in ("SwapTerms", "ZeroCouponSwapTerms"):
        parts[name]["properties"]["convention"] = {"enum": list(conventions.SWAPS)}
    parts["BondTerms"]["properties"]["convention"] = _or_null(conventions.BONDS)
    title = "Book file of manage.py price"
    return {"$schema": DRAFT, "title": title, "$ref": "#/$defs/BookFile", "$defs": parts}


def _or_null(names: Any) -> Json:
    return {"enum": [*names, None], "default": None}


def written(value: Any, indent: str = "") -> str:
    """JSON text; what fits on a line stands on one."""
    flat = json.dumps(value)
    if len(indent) + len(flat) <= WIDTH or not isinstance(value, dict | list):
        return flat
    inner = indent + " "
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {written(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{inner}{written(v, inner)}" for v in value) + f"\n{indent}]"


FILES = {"market.schema.json": market_schema, "book.schema.json": book_schema}

if __name__ == "__main__":
    for name, make in FILES.items():
        (FOLDER / name).write_text(written(make()) + "\n")

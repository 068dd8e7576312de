"""Market files are read whole or refused with file, table, field, value and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from pricing.markets import conventions, loader, vocabulary
from tests.pricing.markets.made import RURITANIA

PACKAGED = loader.packaged()


def write(folder: Path, text: str, name: str = "zzz.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def refused(folder: Path, text: str, name: str = "zzz.toml") -> str:
    with pytest.raises(loader.BadMarketFile) as error:
        loader.read([*PACKAGED, write(folder, text, name)])
    assert str(error.value).startswith(f"{folder / name}: ")
    return str(error.value).removeprefix(f"{folder / name}: ")


def test_a_file_adds_a_currency_and_leaves_the_others(tmp_path):
    found = loader.read([*PACKAGED, write(tmp_path, RURITANIA)])
    assert list(found.currencies) == [*loader.read(PACKAGED).currencies, "ZZZ"]
    assert found.indices["ZONIA"].currency == "ZZZ"
    assert found.swaps["ZZZ-ZONIA-OIS"].sources["spot_lag"] == "Invented for a test"
    for code in conventions.CURRENCIES:
        assert conventions.digest_of(found, code) == conventions.digest(code)


def test_a_row_of_the_same_name_replaces_the_whole_row_in_its_place(tmp_path):
    swap = msgspec.toml.decode((loader.PACKAGED / "usd.toml").read_bytes())["swaps"]["USD-SOFR-OIS"]
    changed = {
        "sources": {"OURS": "Our own book"},
        "swaps": {
            "USD-SOFR-OIS": {
                **swap,
                "payment_lag": 3,
                "sources": dict.fromkeys(swap["sources"], "OURS"),
            }
        },
    }
    file = write(tmp_path, msgspec.toml.encode(changed).decode(), "usd.toml")
    found = loader.read([*PACKAGED, file])
    assert found.swaps["USD-SOFR-OIS"].payment_lag == 3
    assert list(found.swaps) == list(conventions.SWAPS)
    assert conventions.digest_of(found, "USD") != conventions.digest("USD")
    assert conventions.digest_of(found, "EUR") == conventions.digest("EUR")


def test_sources_and_comments_are_no_part_of_the_hash(tmp_path):
    text = (loader.PACKAGED / "usd.toml").read_text()
    again = "# ours\n" + re.sub(r'^NYFED = ".*"$', 'NYFED = "Another text"', text, flags=re.M)
    assert again != "# ours\n" + text
    found = loader.read([*PACKAGED, write(tmp_path, again, "usd.toml")])
    assert conventions.digest_of(found, "USD") == conventions.digest("USD")


CHANGES = (
    # what is replaced, by what, and the sentence
    (
        "spot_lag = 1\n",
        'spot_lag = "two"\n',
        "[swaps.ZZZ-ZONIA-OIS] spot_lag = 'two': a whole number of business days, 0 to 60",
    ),
    (
        "spot_lag = 1\n",
        "spot_lag = 99\n",
        "[swaps.ZZZ-ZONIA-OIS] spot_lag = 99: a whole number of business days, 0 to 60",
    ),
    (
        "spot_lag = 1\n",
        "spot_lags = 1\n",
        "[swaps.ZZZ-ZONIA-OIS] spot_lags = 1: no such field; fields: index, spot_lag,",
    ),
    (
        "spot_lag = 1\n",
        "",
        "[swaps.ZZZ-ZONIA-OIS] spot_lag = None: this field is required",
    ),
    (
        'spot_lag = "MADE"\n',
        "",
        "[swaps.ZZZ-ZONIA-OIS] spot_lag = 1: it has no source: give spot_lag in "
        "[swaps.ZZZ-ZONIA-OIS.sources] a key of the table [sources]",
    ),
    (
        'spot_lag = "MADE"\n',
        'spot_lag = "MAED"\n',
        "[swaps.ZZZ-ZONIA-OIS.sources] spot_lag = 'MAED': a key of the table [sources]: MADE",
    ),
    (
        'kind = "overnight"\n',
        'kind = "daily"\n',
        "[indices.ZONIA] kind = 'daily': allowed: overnight, ibor",
    ),
    (
        'tenor = "1D"\n',
        'tenor = "1M"\n',
        "[indices.ZONIA] tenor = '1M': 1D for an overnight index, 1W or longer for an ibor index",
    ),
    (
        "publication_lag = 1\n",
        "publication_lag = 2\n",
        "[indices.ZONIA] publication_lag = 2: 0 or 1: a coupon of an overnight index that has ",
    ),
    (
        'day_count = "ACT/365F"\nbusiness',
        'day_count = "30/360"\nbusiness',
        "[indices.ZONIA] day_count = '30/360': allowed: ACT/360, ACT/365F",
    ),
    (
        'calendar = "TARGET"\nday_count',
        'calendar = "STRELSAU"\nday_count',
        f"[indices.ZONIA] calendar = 'STRELSAU': allowed: {', '.join(vocabulary.CALENDARS)}",
    ),
    (
        'forecast_curve = "ZZZ-ZONIA"\n',
        'forecast_curve = "USD-SOFR"\n',
        "[indices.ZONIA] forecast_curve = 'USD-SOFR': allowed: ZZZ-GOVT, ZZZ-ZONIA",
    ),
    (
        'swap_convention = "ZZZ-ZONIA-OIS"\n',
        'swap_convention = "ZZZ-ZONIA"\n',
        "[curves.ZZZ-ZONIA] swap_convention = 'ZZZ-ZONIA': allowed: ZZZ-ZONIA-OIS",
    ),
    (
        'float_day_count = "ACT/365F"\n',
        'float_day_count = "ACT/360"\n',
        "[swaps.ZZZ-ZONIA-OIS] float_day_count = 'ACT/360': it must be 'ACT/365F', that of index "
        "ZONIA",
    ),
    (
        'interpolation = "log_linear"\n',
        'interpolation = "convex"\n',
        "[curves.ZZZ-GOVT] interpolation = 'convex': allowed: log_linear, natural_log_cubic, mono",
    ),
    (
        'quotes = "zero"\n',
        'quotes = "par_yield"\n',
        "[curves.ZZZ-GOVT] ",
    ),
    (
        "end_of_month = false\nex_coupon_days",
        "end_of_month = 0\nex_coupon_days",
        "[bonds.ZZZ-BOND] end_of_month = 0: true or false",
    ),
    (
        "valid_from = 2030-01-01, ",
        "",
        "[bonds.ZZZ-BOND] settlement_lags.valid_from = ['0001-01-01']: rows in order of valid_from",
    ),
    (
        'days = 2, source = "MADE"',
        'days = 2, source = "X"',
        "[bonds.ZZZ-BOND] settlement_lags[0].source = 'X': a key of the table [sources]: MADE",
    ),
    (
        'time_zone = "Europe/Prague"',
        'time_zone = "Europe/Strelsau"',
        "[currency] time_zone = 'Europe/Strelsau': a name of the IANA time zone database",
    ),
    ("[bonds.ZZZ-BOND]", "[bonds.zzz-bond]", "[bonds.zzz-bond] name = 'zzz-bond': a name of at"),
    (
        "[bonds.ZZZ-BOND]",
        "[bonds.UK-GILT]",
        "[bonds.UK-GILT] name = 'UK-GILT': it is defined in gbp",
    ),
    ("[currency]", "[money]", "table = 'money': allowed: currency, sources, indices, curves"),
    ('MADE = "Invented for a test"', 'MADE = ""', "[sources] MADE = '': a text: publisher"),
    ("spot_lag = 1\n", "spot_lag = \n", "'zzz.toml': it is not TOML: "),
)


@pytest.mark.parametrize(("old", "new", "sentence"), CHANGES, ids=[c[2][:60] for c in CHANGES])
def test_a_mistake_has_one_sentence(tmp_path, old, new, sentence):
    assert old in RURITANIA
    text = RURITANIA.replace(old, new, 1)
    if old.startswith("[bonds"):
        text = text.replace("[bonds.ZZZ-BOND.", f"{new[:-1]}.")
    assert refused(tmp_path, text).startswith(sentence)


def test_monotone_convex_curves_stand_beside_no_fit(tmp_path):
    """All curves of a currency are solved together, and a fit needs second derivatives."""
    head, zonia = RURITANIA.split("[curves.ZZZ-ZONIA]\n")
    fitted = 'fit = "least_squares"\nnodes = ["1Y"]\n'
    sources = "[curves.ZZZ-ZONIA.sources]\n"
    zonia = zonia.replace(sources, sources + 'fit = "MADE"\nnodes = "MADE"\n')
    head = head.replace('interpolation = "log_linear"', 'interpolation = "monotone_convex"')
    both = f"{head}[curves.ZZZ-ZONIA]\n{fitted}{zonia}"
    assert refused(tmp_path, both) == (
        "[curves.ZZZ-GOVT] interpolation = 'monotone_convex': allowed: log_linear, "
        'natural_log_cubic: ZZZ-ZONIA has fit = "least_squares"'
    )
    alone = both.replace('fit = "least_squares"\n', "").replace('fit = "MADE"\n', "")
    found = loader.read([*PACKAGED, write(tmp_path, alone)])
    assert found.curves["ZZZ-GOVT"].interpolation == "monotone_convex"


def test_a_field_that_nothing_reads_is_refused(tmp_path):
    table = "[curves.ZZZ-GOVT.sources]\n"
    text = RURITANIA.replace('quotes = "zero"\n', 'quotes = "zero"\ncalendar = "TARGET"\n')
    text = text.replace(table, f'{table}calendar = "MADE"\n')
    assert refused(tmp_path, text) == (
        "[curves.ZZZ-GOVT] calendar = 'TARGET': nothing reads it with quotes = 'zero': leave it out"
    )


def test_a_file_is_named_after_a_currency(tmp_path):
    assert refused(tmp_path, RURITANIA, "ruritania.toml").startswith(
        "name = 'ruritania.toml': the code of a currency in lower case, such as usd.toml"
    )


def test_a_currency_without_its_own_table_is_refused(tmp_path):
    text = re.sub(r"\[currency\].*?(?=\[indices)", "", RURITANIA, flags=re.S)
    assert "every currency needs one" in refused(tmp_path, text)


def test_the_directory_must_be_there(tmp_path):
    with pytest.raises(loader.BadMarketFile, match=r"MARKETS_DIR: .*: the path of a directory"):
        loader.load(str(tmp_path / "nothing"))


def test_every_key_of_a_source_has_one_text():
    texts: dict[str, str] = {}
    for file in PACKAGED:
        for key, text in msgspec.toml.decode(file.read_bytes())["sources"].items():
            assert texts.setdefault(key, text) == text, (file.name, key)


def test_a_file_may_give_a_key_a_text_of_its_own(tmp_path):
    text = RURITANIA.replace("MADE", "HOUSE")
    found = loader.read([*PACKAGED, write(tmp_path, text)])
    house = loader.read(PACKAGED).currencies["USD"].sources["bond_calendar"]
    assert found.source_keys["Invented for a test"] == found.source_keys[house] == "HOUSE"


def test_every_source_is_used():
    for file in PACKAGED:
        text = file.read_text()
        for key in msgspec.toml.decode(text)["sources"]:
            assert text.count(f'"{key}"') > 0, (file.name, key)


@pytest.mark.parametrize(
    ("first", "second", "spread_on", "sentence"),
    [
        (
            "EURIBOR6M",
            "EURIBOR3M",
            "first_leg",
            "name = 'OURS': EUR-3M-6M has the same two indices",
        ),
        ("EURIBOR3M", "EURIBOR3M", "first_leg", "second_index = 'EURIBOR3M': another index than"),
        ("SOFR", "EURIBOR3M", "first_leg", "first_index = 'SOFR': allowed: ESTR, EURIBOR3M"),
        ("ESTR", "EURIBOR3M", "third_leg", "spread_on = 'third_leg': allowed: first_leg, second"),
    ],
)
def test_a_row_of_basis_swaps_that_says_nothing_of_use_is_refused(
    tmp_path, first, second, spread_on, sentence
):
    fields = {"first_index": first, "second_index": second, "spread_on": spread_on}
    given = "".join(f'{name} = "{value}"\n' for name, value in fields.items())
    keys = "".join(f'{name} = "MADE"\n' for name in fields)
    text = f"[basis_swaps.OURS]\n{given}\n[basis_swaps.OURS.sources]\n{keys}"
    text = f'[sources]\nMADE = "Invented for a test"\n\n{text}'
    assert refused(tmp_path, text, "eur.toml").startswith(f"[basis_swaps.OURS] {sentence}")


QUOTED = {
    "curve": '"EUR-GOVT"',
    "convention": '"DE-BUND"',
    "issue_date": "2024-01-12",
    "maturity_date": "2034-02-15",
    "coupon_rate": "0.022",
    "source": '"MADE"',
}


def quoted_bond_file(name: str = "DE000BU2Z023", **fields: str | None) -> str:
    given = {key: value for key, value in {**QUOTED, **fields}.items() if value is not None}
    lines = "".join(f"{key} = {value}\n" for key, value in given.items())
    return f'[sources]\nMADE = "Invented for a test"\n\n[quoted_bonds.{name}]\n{lines}'


def test_a_quoted_bond_is_a_row_with_one_source_for_all_its_terms(tmp_path):
    file = tmp_path / "eur.toml"
    file.write_text(quoted_bond_file(first_coupon_date="2025-02-15"))
    (row,) = loader.read([*PACKAGED, file]).quoted_bonds.values()
    assert (row.name, row.currency, row.curve) == ("DE000BU2Z023", "EUR", "EUR-GOVT")
    assert set(row.sources.values()) == {"Invented for a test"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "A" * 28}, "name = 'AAAA"),
        ({"curve": '"EUR-ESTR"'}, "curve = 'EUR-ESTR': allowed: EUR-GOVT"),
        ({"convention": '"UK-GILT"'}, "convention = 'UK-GILT': allowed: DE-BUND, FR-OAT, IT-BTP"),
        ({"maturity_date": "2024-01-12"}, "a date after issue_date = 2024-01-12"),
        ({"maturity_date": "2300-01-12"}, "a date up to the year 2198"),
        ({"coupon_rate": "2.2"}, "coupon_rate = 2.2: a number"),
        ({"coupon_rate": None}, "coupon_rate = None: this field is required"),
        ({"first_coupon_date": "2025-02-14"}, "first_coupon_date = 2025-02-14: a date after"),
        ({"first_coupon_date": "2024-01-10"}, "a number of 12 months before maturity_date"),
        ({"source": '"OTHER"'}, "'OTHER': a key of the table [sources]"),
        ({"issuer": '"Bund"'}, "issuer = 'Bund': no such field"),
    ],
)
def test_a_quoted_bond_that_cannot_be_is_refused(tmp_path, fields, sentence):
    assert sentence in refused(tmp_path, quoted_bond_file(**fields), "eur.toml")

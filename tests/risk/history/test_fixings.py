"""Published fixings and exchange rates by layout, and what is refused instead of misread."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from instruments.book_history import Known
from instruments.models import BookVersion, Fixing, FxRate, book_version
from pricing.errors import BadInput, MissingFixing
from risk.history.layouts.fixings import read_fixings
from risk.history.layouts.table import Quote
from risk.history.store import Origin, store

DAY, NEXT = dt.date(2024, 3, 5), dt.date(2024, 3, 6)

NY_FED = """Effective Date,Rate Type,Rate (%),1st Percentile (%),Volume ($Billions)
03/06/2024,SOFR,5.31,5.28,1822
03/05/2024,SOFR,5.32,5.28,1840
03/05/2024,EFFR,5.33,5.31,90
,,,,
"""
ESTR = """KEY,FREQ,TIME_PERIOD,OBS_VALUE
EST.B.EU000A2X2A25.WT,B,2024-03-05,3.905
EST.B.EU000A2X2A25.WT,B,2024-03-06,3.906
"""
SONIA = "DATE,IUDBEDR,IUDSOIA\n05 Mar 2024,5.25,5.1866\n06 Mar 2024,5.25,5.1866\n"
CORRA = """"TERMS AND CONDITIONS"
"https://www.bankofcanada.ca/terms/"

"OBSERVATIONS"
"date","AVG.INTWO"
"2024-03-05","5.0200"
"2024-03-06","5.0300"
"""
AONIA = """F1  INTEREST RATES AND YIELDS - MONEY MARKET - DAILY
Title,Cash Rate Target,Interbank Overnight Cash Rate
Units,Per cent,Per cent

Series ID,FIRMMCRTD,FIRMMCRID
05-Mar-2024,4.35,4.32
06-Mar-2024,4.35,4.32
"""
TONA = """Series code,FM01'STRDCLUCON
Name of time-series,"Call Rate, Uncollateralized Overnight, Average (Daily)"
2024/03/05,-0.001
2024/03/06,-0.003
"""
SARON = """"CubeId";"zirepo"
"PublishingDate";"2024-03-07 09:00"

"Date";"D0";"Value"
"2024-03-05";"SARON";"1.699"
"2024-03-05";"SAR1W";"1.71"
"2024-03-06";"SARON";"1.698"
"""
EURIBOR = """"",BBIG1.D.D0.EUR.MMKT.EURIBOR.M06.BID._Z,BBIG1.D.D0.EUR.MMKT.EURIBOR.M06.BID._Z_FLAGS
"",EURIBOR six-month funds,
unit,PERCENT,
2024-03-05,3.899,
2024-03-06,3.893,
2024-03-07,.,No value available
"""
FRED = "observation_date,SOFR,IUDSOIA\n2024-03-05,5.32,5.1866\n2024-03-06,.,5.1866\n"


@pytest.mark.parametrize(
    ("text", "publisher", "expected"),
    [
        (NY_FED, "New York Fed", {("SOFR", DAY): 0.0532, ("SOFR", NEXT): 0.0531}),
        (ESTR, "European Central Bank", {("ESTR", DAY): 0.03905, ("ESTR", NEXT): 0.03906}),
        (SONIA, "Bank of England", {("SONIA", DAY): 0.051866, ("SONIA", NEXT): 0.051866}),
        (CORRA, "Bank of Canada", {("CORRA", DAY): 0.0502, ("CORRA", NEXT): 0.0503}),
        (AONIA, "Reserve Bank of Australia", {("AONIA", DAY): 0.0432, ("AONIA", NEXT): 0.0432}),
        (TONA, "Bank of Japan", {("TONA", DAY): -0.00001, ("TONA", NEXT): -0.00003}),
        (SARON, "Swiss National Bank", {("SARON", DAY): 0.01699, ("SARON", NEXT): 0.01698}),
        (
            EURIBOR,
            "Deutsche Bundesbank",
            {("EURIBOR6M", DAY): 0.03899, ("EURIBOR6M", NEXT): 0.03893},
        ),
        (
            FRED,
            "Federal Reserve, FRED",
            {("SOFR", DAY): 0.0532, ("SONIA", DAY): 0.051866, ("SONIA", NEXT): 0.051866},
        ),
    ],
)  # fmt: skip
def test_each_layout_is_known_by_its_content(text, publisher, expected):
    found = read_fixings(text.encode())
    assert found.publisher == publisher
    assert {(one.name, one.date): one.rate for one in found.fixings} == pytest.approx(expected)
    assert read_fixings(text.replace("\n", "\r\n").encode("utf-8-sig")).fixings == found.fixings


def test_reference_rates_against_the_euro_become_dollars():
    """1.1789 dollars and 133.73 yen for one euro, of 4 January 1999."""
    rows = {"eurofxref": "Date,USD,JPY,XAU,\n1999-01-04,1.1789,133.73,N/A,\n"}
    rows["csvdata"] = (
        "KEY,TIME_PERIOD,OBS_VALUE\nEXR.D.USD.EUR.SP00.A,1999-01-04,1.1789\n"
        "EXR.D.JPY.EUR.SP00.A,1999-01-04,133.73\n"
    )
    for text in rows.values():
        found = read_fixings(text.encode())
        rates = {one.currency: one.usd for one in found.fx}
        assert rates == {"EUR": 1.1789, "JPY": pytest.approx(0.0088155, abs=1e-7)}
    without = read_fixings(b"Date,USD,JPY\n1999-01-05,1.179,130.96\n1999-01-04,,133.73\n")
    assert without.warnings == (
        "1 days without a rate of USD are left out, the first 1999-01-04",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "an empty file"),
        ("<html><body>Access denied</body></html>", "not a web page"),
        ("a,b\n1,2\n", "a column of one of these series"),
        (SONIA.replace("05 Mar", "03 Mar"), "no index fixes on a weekend"),
        (SONIA.replace("5.25,5.1866\n06", "5.25\n06"), "cut off"),
        (SONIA.replace("IUDBEDR", "IUDSOIA"), "a column may appear only once"),
        (SONIA.replace("06 Mar", "05 Mar"), "one rate a day"),
        (SONIA.replace("05 Mar 2024", "2024.03.05"), "a date such as 31 Jan 2024"),
        (NY_FED.replace("03/06/2024", "13/06/2024"), "a date such as 01/31/2024"),
        (NY_FED.replace("5.31,", "531,"), "a percentage from -5 to 50"),
        (NY_FED.replace("5.31,", "n.m.,"), "a percentage, or blank"),
        (ESTR.replace("EST.B.EU000A2X2A25.WT", "EST.B.EU000A2X2A25.VL"), "no rate at all"),
        (SARON.replace('"Value"', '"Wert"'), "Date;D0;Value"),
        ("DATE,IUDSOIA,AVG.INTWO\n05 Mar 2024,5.1,5.0\n", "series of one publisher"),
    ],
)
def test_what_could_be_misread_is_refused(text, sentence):
    with pytest.raises(BadInput, match=sentence):
        read_fixings(text.encode())


@pytest.fixture
def files(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)

    def make(**texts: str) -> list[str]:
        for name, text in texts.items():
            (tmp_path / f"{name}.csv").write_text(text)
        return [str(tmp_path / f"{name}.csv") for name in texts]

    return make


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("load_fixings", *words, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_files_are_loaded_corrected_and_refused_with_a_history(files):
    Fixing.objects.create(index="SOFR", date=DAY, rate=Decimal("0.05"), source="proxy")
    sofr, estr = files(sofr=NY_FED, estr=ESTR)
    assert "1 would be new, 1 would be changed" in run(sofr, "--dry-run")
    assert Fixing.objects.count() == 1
    before = BookVersion.current()
    text = run(sofr, estr)
    assert "SOFR 2024-03-05: 0.0500000000 -> 0.0532000000 (was of proxy)" in text
    assert BookVersion.current() == before + 2  # a change a file
    assert "0 new, 0 changed, 2 unchanged" in run(sofr)
    row = Fixing.objects.get(index="SOFR", date=DAY)
    assert (row.rate, row.source, row.version) == (Decimal("0.0532"), "New York Fed", 2)
    (corrected,) = files(again=NY_FED.replace("5.32", "5.30"))
    assert "0.0532000000 -> 0.0530000000 (was of New York Fed)" in run(corrected)
    known = Known.of_version(before + 1, dt.datetime.now(dt.UTC))
    assert known.fixings(["SOFR"]) == {"SOFR": {DAY: 0.0532, NEXT: 0.0531}}
    (other,) = files(fred=FRED.replace("5.32", "5.29"))
    with pytest.raises(CommandError, match="1 of 1 files were refused"):
        run(other)
    assert not Fixing.objects.filter(index="SONIA").exists()
    assert "1 changed" in run(other, "--force", "the revision of 8 March")
    assert Fixing.history.filter(index="SOFR", date=DAY).count() == 4


@pytest.mark.django_db(transaction=True)
def test_reference_rates_are_stored_as_exchange_rates(files):
    (path,) = files(fx="Date,USD,JPY,\n2024-03-05,1.0849,162.83,\n")
    assert "2 new" in run(path)
    rates = dict(FxRate.objects.values_list("currency", "usd"))
    assert rates == {"EUR": Decimal("1.0849"), "JPY": Decimal("0.00666278")}


@pytest.mark.django_db(transaction=True)
def test_proxies_are_derived_from_stored_closes_and_labelled(files):
    files()
    quotes = [
        Quote(DAY, "USD-GOVT", tenor, rate)
        for tenor, rate in {"1M": 0.0550, "1Y": 0.0497, "10Y": 0.0413}.items()
    ]
    now = dt.datetime.now(dt.UTC)
    store(quotes, Origin(publisher="test", name="x", label="official", retrieved_at=now))
    Fixing.objects.create(index="SOFR", date=NEXT, rate=Decimal("0.0531"), source="New York Fed")
    words = ("--derive", "--from", "2024-03-05", "--to", "2024-03-11", "--currency", "USD")
    assert "USD proxy: 4 new, 0 changed, 0 unchanged, 1 published ones kept" in run(*words)
    rows = {row.date: (row.rate, row.source) for row in Fixing.objects.all()}
    # The shortest quote of the proxy's curve: -17 bp at two years taper to 0.
    derived = Decimal("0.0550") - Decimal("0.0017") / 24
    assert rows[DAY] == (round(derived, 8), "proxy")
    assert rows[NEXT] == (Decimal("0.0531"), "New York Fed")
    assert rows[dt.date(2024, 3, 11)] == rows[DAY]  # the last close
    with pytest.raises(CommandError, match="load some with manage"):
        run(*words[:-1], "GBP")


def test_a_missing_fixing_names_the_command_that_loads_it():
    text = str(MissingFixing("SOFR", "2024-03-05"))
    assert "no SOFR fixing for 2024-03-05" in text
    assert "manage.py load_fixings FILE" in text
    assert "manage.py load_fixings --derive" in text

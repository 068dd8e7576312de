"""Files in official layouts: every way in which real ones differ."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.errors import BadInput
from risk.history.layouts import curves as layouts
from tests import not_run

SAMPLES = Path(__file__).parents[4] / "shared/data/samples"

TREASURY_2021 = b"""Date,"1 Mo","2 Mo","3 Mo","6 Mo","1 Yr","10 Yr","30 Yr"
06/03/2021,0.00,0.01,0.02,0.04,0.04,1.63,2.30
06/02/2021,0.01,0.01,0.02,0.04,0.05,1.59,2.28
"""
TREASURY_2022 = b"""Date,"3 Mo","4 Mo","6 Mo"
10/19/2022,4.07,4.32,4.45
10/18/2022,4.04,,4.39
"""
TREASURY_2025 = b"""Date,"1 Mo","1.5 Month","2 Mo"
02/19/2025,4.36,4.38,4.40
02/18/2025,4.37,4.39,4.40
02/14/2025,4.37,,4.38
"""
FRED = b"""observation_date,DGS1MO,DGS3MO,DGS1,DGS10,DGS30
2025-04-17,4.36,4.34,3.99,4.34,4.80
2025-04-18,.,.,.,.,.
2025-04-21,4.35,4.34,3.95,4.42,4.91
"""
ECB = b"""KEY,FREQ,DATA_TYPE_FM,TIME_PERIOD,OBS_VALUE
YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_3M,B,SR_3M,2022-09-19,0.4905
YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_10Y,B,SR_10Y,2022-09-19,1.8012
YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_1Y6M,B,SR_1Y6M,2022-09-19,-0.1
YC.B.U2.EUR.4F.G_N_A.SV_C_YM.PY_10Y,B,PY_10Y,2022-09-19,1.7
"""
XML_HEAD = (
    b'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"'
    b' xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"'
    b' xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
)


def xml_entry(day: str, **rates: str | None) -> bytes:
    cells = "".join(
        f'<d:{tag} m:null="true" />' if rate is None else f"<d:{tag}>{rate}</d:{tag}>"
        for tag, rate in rates.items()
    )
    return (
        f"<entry><content><m:properties><d:Id>1</d:Id><d:NEW_DATE>{day}T00:00:00</d:NEW_DATE>"
        f"{cells}</m:properties></content></entry>"
    ).encode()


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def test_treasury_rows_come_out_as_decimals_in_order_of_date():
    table = layouts.parse(TREASURY_2021)
    assert list(table.rows) == [day("2021-06-02"), day("2021-06-03")]
    assert table.rows[day("2021-06-03")] == {
        "1M": 0.0,
        "2M": 0.0001,
        "3M": 0.0002,
        "6M": 0.0004,
        "1Y": 0.0004,
        "10Y": 0.0163,
        "30Y": 0.023,
    }
    assert (table.quotes, table.compounding, table.currency) == ("par_yield", "semi-annual", "USD")
    assert len(table.sha256) == 64


def test_a_blank_is_absent_and_never_zero():
    rows = layouts.parse(TREASURY_2022).rows
    assert "4M" not in rows[day("2022-10-18")]
    assert rows[day("2022-10-19")]["4M"] == 0.0432


def test_the_month_and_a_half_is_the_six_week_bill():
    rows = layouts.parse(TREASURY_2025).rows
    assert list(rows[day("2025-02-18")]) == ["1M", "6W", "2M"]
    assert list(rows[day("2025-02-14")]) == ["1M", "2M"]


@pytest.mark.parametrize("label", ["10 Yr", "10Yr", "10 Year", "10 Years", "10 yr"])
def test_labels_of_a_tenor_vary(label: str):
    table = layouts.parse(f"Date,{label}\n01/02/24,3.95\n".encode())
    assert table.rows == {day("2024-01-02"): {"10Y": 0.0395}}


def test_a_byte_order_mark_is_no_part_of_the_date():
    assert len(layouts.parse(b"\xef\xbb\xbf" + TREASURY_2021).rows) == 2
    assert len(layouts.parse(b"\xef\xbb\xbf" + FRED).rows) == 2


def test_an_unknown_column_is_a_warning():
    table = layouts.parse(b"Date,10 Yr,Note\n01/02/2024,3.95,x\n")
    assert table.warnings == ("column Note is not known",)


def test_a_holiday_filled_with_zeros_is_dropped_and_a_single_zero_is_not():
    table = layouts.parse(
        b"Date,1 Mo,10 Yr\n04/17/2017,0.00,2.26\n04/14/2017,0.00,0.00\n04/13/2017,0.76,2.24\n"
    )
    assert list(table.rows) == [day("2017-04-13"), day("2017-04-17")]


def test_fred_dots_are_missing_and_the_day_is_gone():
    table = layouts.parse(FRED)
    assert list(table.rows) == [day("2025-04-17"), day("2025-04-21")]
    assert list(table.rows[day("2025-04-21")]) == ["1M", "3M", "1Y", "10Y", "30Y"]
    assert layouts.parse(FRED.replace(b"observation_date", b"DATE")).rows == table.rows


def test_ecb_spot_rates_are_zero_rates_and_may_be_negative():
    table = layouts.parse(ECB)
    assert table.rows == {day("2022-09-19"): {"3M": 0.004905, "18M": -0.001, "10Y": 0.018012}}
    assert (table.quotes, table.compounding, table.currency) == ("zero", "continuous", "EUR")
    assert table.warnings == (
        "series YC.B.U2.EUR.4F.G_N_A.SV_C_YM.PY_10Y is not a spot rate of AAA issuers",
    )


def test_the_curve_of_all_issuers_is_not_mixed_with_the_one_of_aaa_issuers():
    table = layouts.parse(
        ECB + ECB.splitlines()[2].replace(b"G_N_A", b"G_N_C").replace(b"1.8", b"2.9")
    )
    assert table.rows[day("2022-09-19")]["10Y"] == 0.018012
    assert any("G_N_C" in warning for warning in table.warnings)


def test_the_ecb_website_writes_a_column_for_each_series():
    raw = (
        b'DATE,TIME PERIOD,"Spot rate, 10-year maturity (YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_10Y)",'
        b'"Spot rate, 3-month maturity (YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_3M)"\n'
        b"2022-09-19,2022-09-19,1.8012,0.4905\n2022-09-20,2022-09-20,1.93,\n"
    )
    assert layouts.parse(raw).rows == {
        day("2022-09-19"): {"3M": 0.004905, "10Y": 0.018012},
        day("2022-09-20"): {"10Y": 0.0193},
    }


def test_the_fitted_curve_of_the_fed_is_read_at_the_tenors_of_the_treasury():
    raw = (
        b"Note: This is not an official Federal Reserve statistical release.\n,\n\n"
        b"Series,Compounding Convention,Mnemonic(s)\n"
        b"Par yields,Coupon-Equivalent,SVENPY01-SVENPY30\n\n"
        b"Date,BETA0,SVENPY01,SVENPY02,SVENPY04,SVENY10,TAU1\n"
        b"1961-06-14,3.9,2.9825,3.3771,3.5,3.8,1.2\n1961-06-15,NA,NA,-999.99,NA,NA,NA\n"
    )
    table = layouts.parse(raw)
    assert table.rows == {day("1961-06-14"): {"1Y": 0.029825, "2Y": 0.033771}}
    assert (table.publisher, table.quotes, table.warnings) == (
        "Federal Reserve, GSW fitted curve",
        "par_yield",
        (),
    )


def test_the_xml_feed_is_sorted_rounded_and_its_nulls_are_absent():
    raw = (
        XML_HEAD
        + xml_entry(
            "2002-02-20", BC_1MONTH="1.7300000190734863", BC_1_5MONTH=None, BC_10YEAR="4.88"
        )
        + xml_entry("2002-02-19", BC_1MONTH="1.73", BC_30YEAR=None, BC_30YEARDISPLAY="0")
        + xml_entry("2002-02-21", BC_1MONTH="0", BC_10YEAR="0")
        + b"</feed>"
    )
    assert layouts.parse(raw).rows == {
        day("2002-02-19"): {"1M": 0.0173},
        day("2002-02-20"): {"1M": 0.0173, "10Y": 0.0488},
    }


def test_a_move_above_150_bp_needs_force():
    raw = b"Date,10 Yr\n01/03/2024,1.00\n01/02/2024,3.95\n"
    with pytest.raises(BadInput, match=r"2024-01-03 10Y: '-295 bp'.*force"):
        layouts.parse(raw)
    assert len(layouts.parse(raw, force=True).rows) == 2


def test_a_tenor_that_comes_back_after_years_has_not_moved_in_a_day():
    raw = b"Date,10 Yr\n01/03/2006,1.00\n01/02/2002,3.95\n"
    assert len(layouts.parse(raw).rows) == 2


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"hello world", "layouts that are read: US Treasury"),
        (b"", "layouts that are read"),
        (b"Date,10 Yr\n", "no rate at all"),
        (b"Date,10 Yr\n2024-13-01,3.95\n", "a date such as"),
        (b"Date,10 Yr\n2024-01-02,abc\n", "2024-01-02 10Y: 'abc'.*percentage"),
        (b"Date,10 Yr\n2024-01-02,1e9\n", "from -5 to 50"),
        (b"Date,10 Yr\n2024-01-02,3.9\n01/02/2024,4.0\n", "twice"),
        (b"KEY,OBS_VALUE\nx,1\n", "TIME_PERIOD"),
        (b"Date,10 Yr\n2024-01-02,\xff\n", "UTF-8"),
        (b"<feed>", "well-formed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "document type"),
    ],
)
def test_a_broken_file_is_refused_with_a_sentence(raw: bytes, sentence: str):
    with pytest.raises(BadInput, match=sentence):
        layouts.parse(raw)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes):
    for head in (b"", b"Date,1 Mo,10 Yr\n", b"KEY,TIME_PERIOD,OBS_VALUE\n", XML_HEAD):
        try:
            layouts.parse(head + raw)
        except BadInput:
            continue


HEADER = 'Date,"1 Mo","1 Yr","10 Yr"\n'
UK_DATES = "".join(f"{day:02}/03/2025,4.36,4.07,4.31\n" for day in (12, 11, 10, 7, 6, 5, 4, 3))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('Date,"10 Yr","1 Yr","10 Yr"\n03/14/2025,4.3,4.1,9.9\n', "10 Yr.*may appear only once"),
        ('Date,"10 Yr","10 Year"\n03/14/2025,4.3,9.9\n', "10Y.*may appear only once"),
        (HEADER + "03/14/2025,,4.37,4.09,4.31\n", "line 2: '5 cells'.*4 .a cell too many"),
        (HEADER + "03/14/2025,4.37,4.09,4.31\n03/13/2025,4.37\n", "line 3: '2 cells'.*cut off"),
        ('Date,"5 YR","7 YR","10 YR","20 YR","30 YR"\n05/27/2025,1,2,2,2,3\n', "real yields"),
        ("Date,5 Yr,7 Yr,10 Yr,20 Yr,30 Yr\n05/27/2025,1,2,2,2,3\n", "real yields"),
        (HEADER + UK_DATES, "look like day/month/year"),
        (HEADER + "13/03/2025,4.36,4.07,4.31\n", "look like day/month/year"),
        ('Date,"1 Yr","10 Yr"\n02/14/2025,0.0423,0.0447\n', "1Y: '0.0423'.*not a decimal"),
        ('Date,"3 Mo","1 Yr"\n02/14/2025,0.0423,0.0447\n', "not a decimal"),
        ('Date,"10 Yr"\n02/15/2025,4.5\n', "2025-02-15 .Saturday.*weekend"),
        ("observation_date,DGS10\n2025-02-16,4.5\n", "2025-02-16 .Sunday.*weekend"),
        ("<!DOCTYPE html>\n<html><body>Access Denied</body></html>", "an HTML page"),
        (
            'DATE,TIME PERIOD,"Spot rate (YC.B.SR_10Y)"\n2022-09-19,2022-09-19,1.8\n',
            "no rate at all",
        ),
        ("observation_date,DFII10\n2025-02-14,1.9\n", "DFII are real yields"),
        ("Date;1 Yr;10 Yr\n02/14/2025;4,23;4,47\n", "separated by commas"),
    ],
)
def test_a_file_that_could_be_misread_is_refused(text: str, sentence: str):
    with pytest.raises(BadInput, match=sentence):
        layouts.parse(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "date,10 yr\n01/02/1990,7.94\n",
        '\r\n\r\nDate,"10 Yr"\n01/02/1990,7.94\n',
        '"observation_date","DGS10"\n1990-01-02,7.94\n',
        'Date,"10 Yr"\n\n01/02/1990,7.94\n\n',
    ],
)
def test_spellings_of_the_publishers_are_read(text: str):
    assert layouts.parse(text.encode()).rows == {day("1990-01-02"): {"10Y": 0.0794}}


def test_near_zero_bill_rates_of_2021_are_percentages():
    table = layouts.parse(b'Date,"1 Mo","1 Yr"\n06/03/2021,0.01,0.04\n')
    assert table.rows == {day("2021-06-03"): {"1M": 0.0001, "1Y": 0.0004}}


def test_a_loaded_file_says_where_it_came_from(tmp_path: Path):
    path = tmp_path / "daily-treasury-rates.csv"
    path.write_bytes(TREASURY_2021)
    table = layouts.load(path, retrieved=dt.date(2024, 9, 25))
    assert (table.source, table.retrieved) == (path.name, dt.date(2024, 9, 25))


@pytest.mark.parametrize(
    ("name", "days", "publisher"),
    [
        ("us_treasury_2021-05_header_before_4mo_legit_zeros.csv", None, "US Treasury"),
        ("us_treasury_2022-10_4mo_column_starts_mid_month.csv", None, "US Treasury"),
        ("us_treasury_2025-02_1.5_month_column_starts.csv", None, "US Treasury"),
        ("us_treasury_legacy_feed_2017-04_all_zero_row.xml", None, "US Treasury"),
        ("us_treasury_legacy_feed_2002-02_30y_discontinued.xml", None, "US Treasury"),
        ("fred_dgs_wide_2025-04.csv", 21, "Federal Reserve, FRED"),
        ("ecb_yc_csvdata_dataonly_2022-09.csv", 10, "European Central Bank"),
    ],
)
def test_real_files_are_read(name: str, days: int | None, publisher: str):
    path = SAMPLES / name
    if not path.exists():
        not_run.stop(not_run.SAMPLE_DATA, f"samples/{name}")
    table = layouts.load(path)
    assert table.publisher == publisher
    assert not table.warnings
    assert days is None or len(table.rows) == days
    assert day("2017-04-14") not in table.rows

"""Names of FpML's coding schemes, and what they are called here.

Sources: FpML 5 coding schemes floating-rate-index (names of the 2006 and the 2021 ISDA
Definitions), day-count-fraction, business-center and the enumeration BusinessDayConventionEnum.
"""

from __future__ import annotations

from collections.abc import Mapping

OVERNIGHT: Mapping[str, str] = {
    "SOFR": "USD-SOFR",
    "ESTR": "EUR-EuroSTR",
    "SONIA": "GBP-SONIA",
    "AONIA": "AUD-AONIA",
    "CORRA": "CAD-CORRA",
    "SARON": "CHF-SARON",
    "DESTR": "DKK-DESTR",
    "TONA": "JPY-TONA",
    "NOWA": "NOK-NOWA",
    "NZIONA": "NZD-NZIONA",
    "SWESTR": "SEK-SWESTR",
}
ENDINGS = ("-OIS Compound", "-COMPOUND", "-OIS-COMPOUND")
"""Endings of the names of compounded overnight rates: in the 2021 ISDA Definitions, and two
spellings in those of 2006."""

TERM: Mapping[str, str] = {
    "EUR-EURIBOR": "EURIBOR",
    "EUR-EURIBOR-Reuters": "EURIBOR",
    "AUD-BBSW": "BBSW",
    "AUD-BBR-BBSW": "BBSW",
}
"""Names of term rates; the tenor is added to them, as in EURIBOR6M."""

INDICES: Mapping[str, str] = {
    f"{stem}{ending}": name for name, stem in OVERNIGHT.items() for ending in ENDINGS
}
DAY_COUNTS: Mapping[str, str] = {
    "ACT/360": "ACT/360",
    "ACT/365.FIXED": "ACT/365F",
    "ACT/ACT.ICMA": "ACT/ACT ICMA",
    "ACT/ACT.ISDA": "ACT/ACT ISDA",
    "30/360": "30/360",
    "30E/360": "30E/360",
}
ROLLS: Mapping[str, str] = {
    "FOLLOWING": "FOLLOWING",
    "MODFOLLOWING": "MODIFIED_FOLLOWING",
    "PRECEDING": "PRECEDING",
    "MODPRECEDING": "MODIFIED_PRECEDING",
    "NONE": "UNADJUSTED",
}
CALENDARS: Mapping[frozenset[str], str] = {
    frozenset(centers): name
    for name, *centers in (
        ("US-SOFR", "USGS"),
        ("US-SOFR", "USGS", "USNY"),
        ("US", "USNY"),
        ("TARGET", "EUTA"),
        ("UK", "GBLO"),
        ("AUSTRALIA", "AUSY"),
        ("CANADA", "CATO"),
        ("DENMARK", "DKCO"),
        ("JAPAN", "JPTO"),
        ("NEW-ZEALAND", "NZAU", "NZWE"),
        ("NORWAY", "NOOS"),
        ("SWEDEN", "SEST"),
        ("SWITZERLAND", "CHZU"),
    )
}
"""Calendars by the business centers that they are the holidays of."""

PERIODS: Mapping[str, int] = {"M": 1, "Y": 12}
FREQUENCIES: Mapping[int, str] = {1: "1M", 2: "2M", 3: "3M", 4: "4M", 6: "6M", 12: "1Y"}
LEI = "iso17442"
"""Part of the scheme of party identifiers that are legal entity identifiers."""

COMPOUNDING = {
    "None": "",
    "NoCompounding": "",
    "SpreadExclusive": "spread_exclusive",
    "Straight": "straight",
    "Flat": "flat",
}
"""``compounding_method`` by FpML's ``compoundingMethodEnum``."""

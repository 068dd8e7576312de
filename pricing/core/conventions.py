"""Market rules as rows: a new market is a new row here, never an ``if`` elsewhere.

Each row carries, per field, the primary source it was taken from (publisher, document,
section). Names of calendars, day counts and roll rules are this project's own; the
QuantLib objects behind them are made in ``legs.py``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal, TypeVar

from pricing.core.errors import BadInput

CURRENCIES = ("USD", "EUR", "GBP")
"""Currencies with at least one curve row below."""

# --- Primary sources -------------------------------------------------------------------------

CFTC = (
    "CFTC, Release 8745-23 of 2023-07-07, trade execution requirement for overnight index swaps"
    " (SOFR: T+2, annual, Act/360, payment lag 2 days; SONIA: T+0, annual, Act/365F, no lag)"
)
NYFED = "Federal Reserve Bank of New York, 'Additional Information about Reference Rates', SOFR"
SIFMA = "SIFMA, 'US Holiday Recommendations', US Government Securities business days"
ECB_ESTR = "European Central Bank, 'The euro short-term rate (ESTR) methodology and policies', s. 5"
EURRFR = "Working group on euro risk-free rates, 'Report on the impact of the transition', s. 3"
LCH = "LCH Ltd, 'SwapClear product specific contract terms', OIS eligibility tables"
EMMI = "EMMI, 'Benchmark Determination Methodology for EURIBOR', s. 2 (T+2, Act/360, TARGET)"
ISDA = "ISDA, '2021 Interest Rate Derivatives Definitions', s. 4 (day counts, business days)"
BOE_SONIA = "Bank of England, 'SONIA: key features and policies' (Act/365F, published next day)"
CFR = "US Treasury, 31 CFR Part 356, Appendix B, s. I-II"
CMT = "US Treasury, 'Treasury Yield Curve Methodology' (par, semi-annual bond equivalent)"
SEC_T3 = "SEC, Rule 15c6-1 before its amendment of 2017 (82 FR 15564 describes it: T+3)"
SEC_T2 = (
    "SEC, Release 34-80295, 82 FR 15564, and MSRB Notice 2017-17 for municipal bonds (standard"
    " settlement T+2 from 2017-09-05)"
)
SEC_T1 = (
    "SEC, Release 34-96930, and 88 FR 35961 for municipal bonds (MSRB Rules G-12 and G-15; standard"
    " settlement T+1 from 2024-05-28)"
)
SIFMA_GOOD_FRIDAY = (
    "SIFMA, press releases of 2012-03-21, 2015-03-09 and 2026-03-20: Good Friday is not a good"
    " settlement day; trades of that day in US government securities settle T+2"
)
TMPG = (
    "Treasury Market Practices Group, 'White Paper on Clearing and Settlement in the Secondary"
    " Market for U.S. Treasury Securities', July 2019 (T+1)"
)
MAYLE = (
    "J. Mayle, 'Standard Securities Calculation Methods' (Securities Industry Association), vol. 1:"
    " price and yield with one coupon period or less to redemption, and with more than one"
)
MSRB = "MSRB Rule G-33(b)(i)(B): periodic interest, (1) six months or less to redemption, (2) more"
CFR_BILLS = "US Treasury, 31 CFR Part 356, Appendix B, s. VI.D (coupon-equivalent yield of bills)"
DMO = "UK DMO, 'Formulae for Calculating Gilt Prices from Yields', s. 1-2 and annex"
GEMM = "UK DMO, 'GEMM Guidebook', August 2011, s. 3.5, 'Settlement' (T+1)"
UK_BILLS = (
    "UK DMO, 'UK Treasury Bills: Information Memorandum', and results of tenders (simple, Act/365F)"
)
BOE_CURVE = "Bank of England, 'Yield curve terminology and concepts' (zero, continuous, Act/365)"
FINANZAGENTUR = "Finanzagentur GmbH, 'Issuance conditions, Federal securities', s. 3-5"
BUBILLS = "Finanzagentur GmbH, 'Treasury discount paper', fact sheets (interest: actual/360)"
AFT = "Agence France Tresor, 'OAT: technical characteristics'"
BTF = "Agence France Tresor, 'BTFs' (yields for the exact number of days out of 360)"
MEF = "Ministero dell'Economia e delle Finanze, 'BTP: characteristics'"
BOT = "Dipartimento del Tesoro, 'Treasury Bills (BOTs)', main features (actual/360 for yields)"
EU_T3 = "ECSDA, 'A very smooth transition to T+2', 2014-10-20 (29 markets: T+3 before 2014-10-06)"
EU_T2 = "Regulation (EU) 909/2014, art. 5(2) (settlement on T+2; markets moved on 2014-10-06)"
EU_T1 = "Regulation (EU) 2025/2075, amending Regulation (EU) 909/2014 (T+1 from 2027-10-11)"
BUNDESBANK = "Deutsche Bundesbank, 'Prices and yields of listed Federal securities'"
BTP_YIELDS = (
    "Borsa Italiana, 'Effective yields' of BTPs on MOT (annual compounding); published yields of"
    " IT0005518128 are met to 1e-8 with payments on business days and simple interest at the end"
)
ECB_CURVE = "European Central Bank, 'Euro area yield curves: technical notes' (zero, continuous)"
FINRA = "FINRA Rule 11620 (interest on a 30/360 basis)"
HOUSE = "House choice: shown on screen and hashed into the curve version"

Sources = Mapping[str, str]


def _cite(**by_field: str) -> Sources:
    return MappingProxyType(by_field)


# --- Rows ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class IndexConvention:
    """A floating rate index.

    ``publication_lag`` counts business days from the fixing date to the day on which the
    fixing is public: a replay may not use it before.
    """

    name: str
    currency: str
    kind: Literal["overnight", "ibor"]
    tenor: str
    fixing_days: int
    calendar: str
    day_count: str
    business_day_convention: str
    end_of_month: bool
    publication_lag: int
    forecast_curve: str
    sources: Sources


@dataclass(frozen=True, kw_only=True)
class CurveConvention:
    """A curve and how its quotes are read.

    ``quotes``: ``ois`` (overnight deposit for 1D, else OIS), ``ibor`` (below one year simple
    rates on the curve itself, else swap against the index, discounted on ``discount_curve``),
    ``par_yield`` (par bonds; below one year simple money-market yields) or ``zero``
    (continuously compounded zero rates).
    """

    name: str
    currency: str
    quotes: Literal["ois", "ibor", "par_yield", "zero"]
    index: str | None
    discount_curve: str | None
    swap_convention: str | None
    settlement_days: int
    calendar: str
    day_count: str
    frequency: str
    interpolation: Literal["log_linear", "natural_log_cubic"]
    sources: Sources


@dataclass(frozen=True, kw_only=True)
class SwapConvention:
    """A standard fixed-floating swap of one currency."""

    name: str
    currency: str
    index: str
    spot_lag: int
    fixed_frequency: str
    fixed_day_count: str
    float_frequency: str
    float_day_count: str
    payment_lag: int
    calendar: str
    business_day_convention: str
    end_of_month: bool
    discount_curve: str
    sources: Sources


@dataclass(frozen=True, kw_only=True)
class SettlementLag:
    """Business days from trade to settlement, for trades on ``valid_from`` and after it."""

    valid_from: dt.date
    days: int
    source: str = field(repr=False)


ALWAYS = dt.date.min
"""``valid_from`` of a market's first row: no earlier rule is known here."""


def settlement_calendar(calendar: str) -> str:
    """The days on which trades settle, by the calendar of payments.

    They differ for US government securities: the calendar of SOFR is theirs with every Good
    Friday closed, also those of a payroll report, on which they trade and pay (SIFMA).
    """
    return "US-SOFR" if calendar == "US-GOVT" else calendar


def settlement_days_on(lags: Sequence[SettlementLag], trade_date: dt.date) -> int:
    """Business days to settlement of a trade on that date; rows are in order of date."""
    return [lag.days for lag in lags if lag.valid_from <= trade_date][-1]


@dataclass(frozen=True, kw_only=True)
class BondConvention:
    """A bond market.

    Attributes:
        payment_frequency: Period between coupons.
        calendar: Business days of payments.
        settlement_calendar: Days on which trades settle.
        settlement_lags: Business days from trade to settlement, by date of trade.
        ex_coupon_days: Business days as the market counts them (gilts: 7).
        yield_frequency: Compounding period of the yield, also for strips. A bond that pays at
            another frequency than its market has a yield of its own frequency.
        last_period_yield: Interest in the last coupon period, simple or compounded.
        yield_payment_dates: Dates that the yield discounts from: the nominal coupon dates, or the
            business days on which they are paid.
        bill_yield: Yield of a zero-coupon security issued for a year or less: ``coupon_equivalent``
            (US Treasury bills), a day count for simple interest, or None: as other securities.
    """

    name: str
    currency: str | None
    payment_frequency: str
    day_count: str
    settlement_lags: tuple[SettlementLag, ...]
    calendar: str
    settlement_calendar: str
    business_day_convention: str
    end_of_month: bool
    ex_coupon_days: int
    yield_frequency: str
    last_period_yield: Literal["simple", "compounded"]
    yield_payment_dates: Literal["nominal", "business_days"]
    bill_yield: str | None
    discount_curve: str | None
    sources: Sources


INDICES: Mapping[str, IndexConvention] = MappingProxyType(
    {
        row.name: row
        for row in (
            IndexConvention(
                name="SOFR",
                currency="USD",
                kind="overnight",
                tenor="1D",
                fixing_days=0,
                calendar="US-SOFR",
                day_count="ACT/360",
                business_day_convention="FOLLOWING",
                end_of_month=False,
                publication_lag=1,
                forecast_curve="USD-SOFR",
                sources=_cite(
                    tenor=NYFED,
                    fixing_days=NYFED,
                    calendar=SIFMA,
                    day_count=NYFED,
                    publication_lag=NYFED,
                    business_day_convention=ISDA,
                    end_of_month=ISDA,
                    forecast_curve=HOUSE,
                ),
            ),
            IndexConvention(
                name="ESTR",
                currency="EUR",
                kind="overnight",
                tenor="1D",
                fixing_days=0,
                calendar="TARGET",
                day_count="ACT/360",
                business_day_convention="FOLLOWING",
                end_of_month=False,
                publication_lag=1,
                forecast_curve="EUR-ESTR",
                sources=_cite(
                    tenor=ECB_ESTR,
                    fixing_days=ECB_ESTR,
                    calendar=ECB_ESTR,
                    day_count=ECB_ESTR,
                    publication_lag=ECB_ESTR,
                    business_day_convention=ISDA,
                    end_of_month=ISDA,
                    forecast_curve=HOUSE,
                ),
            ),
            *(
                IndexConvention(
                    name=f"EURIBOR{tenor}",
                    currency="EUR",
                    kind="ibor",
                    tenor=tenor,
                    fixing_days=2,
                    calendar="TARGET",
                    day_count="ACT/360",
                    business_day_convention="MODIFIED_FOLLOWING",
                    end_of_month=True,
                    publication_lag=0,
                    forecast_curve=f"EUR-EURIBOR{tenor}",
                    sources=_cite(
                        tenor=EMMI,
                        fixing_days=EMMI,
                        calendar=EMMI,
                        day_count=EMMI,
                        publication_lag=EMMI,
                        business_day_convention=ISDA,
                        end_of_month=ISDA,
                        forecast_curve=HOUSE,
                    ),
                )
                for tenor in ("3M", "6M")
            ),
            IndexConvention(
                name="SONIA",
                currency="GBP",
                kind="overnight",
                tenor="1D",
                fixing_days=0,
                calendar="UK",
                day_count="ACT/365F",
                business_day_convention="FOLLOWING",
                end_of_month=False,
                publication_lag=1,
                forecast_curve="GBP-SONIA",
                sources=_cite(
                    tenor=BOE_SONIA,
                    fixing_days=BOE_SONIA,
                    calendar=BOE_SONIA,
                    day_count=BOE_SONIA,
                    publication_lag=BOE_SONIA,
                    business_day_convention=ISDA,
                    end_of_month=ISDA,
                    forecast_curve=HOUSE,
                ),
            ),
        )
    }
)


def _ois_curve(name: str, currency: str, index: str, convention: str) -> CurveConvention:
    return CurveConvention(
        name=name,
        currency=currency,
        quotes="ois",
        index=index,
        discount_curve=None,
        swap_convention=convention,
        settlement_days=0,
        calendar=INDICES[index].calendar,
        day_count="ACT/365F",
        frequency="1Y",
        interpolation="log_linear",
        sources=_cite(
            quotes=ISDA,
            index=ISDA,
            swap_convention=LCH,
            settlement_days=HOUSE,
            calendar=INDICES[index].sources["calendar"],
            day_count=HOUSE,
            frequency=LCH,
            interpolation=HOUSE,
        ),
    )


def _ibor_curve(tenor: str) -> CurveConvention:
    return CurveConvention(
        name=f"EUR-EURIBOR{tenor}",
        currency="EUR",
        quotes="ibor",
        index=f"EURIBOR{tenor}",
        discount_curve="EUR-ESTR",
        swap_convention=f"EUR-EURIBOR-{tenor}",
        settlement_days=2,
        calendar="TARGET",
        day_count="ACT/365F",
        frequency="1Y",
        interpolation="log_linear",
        sources=_cite(
            quotes=EMMI,
            index=EMMI,
            discount_curve=EURRFR,
            swap_convention=ISDA,
            settlement_days=EMMI,
            calendar=EMMI,
            day_count=HOUSE,
            frequency=ISDA,
            interpolation=HOUSE,
        ),
    )


def _government_curve(
    name: str, quotes: Literal["par_yield", "zero"], source: str
) -> CurveConvention:
    return CurveConvention(
        name=name,
        currency=name[:3],
        quotes=quotes,
        index=None,
        discount_curve=None,
        swap_convention=None,
        settlement_days=0,
        calendar="NONE",
        day_count="ACT/365F",
        frequency="6M",
        interpolation="log_linear",
        sources=_cite(
            quotes=source,
            settlement_days=source,
            calendar=source,
            day_count=HOUSE,
            frequency=source,
            interpolation=HOUSE,
        ),
    )


CURVES: Mapping[str, CurveConvention] = MappingProxyType(
    {
        row.name: row
        for row in (
            _government_curve("USD-GOVT", "par_yield", CMT),
            _ois_curve("USD-SOFR", "USD", "SOFR", "USD-SOFR-OIS"),
            _government_curve("EUR-GOVT", "zero", ECB_CURVE),
            _ois_curve("EUR-ESTR", "EUR", "ESTR", "EUR-ESTR-OIS"),
            _ibor_curve("3M"),
            _ibor_curve("6M"),
            _government_curve("GBP-GOVT", "zero", BOE_CURVE),
            _ois_curve("GBP-SONIA", "GBP", "SONIA", "GBP-SONIA-OIS"),
        )
    }
)


def _ois(
    name: str, index: str, spot_lag: int, payment_lag: int, curve: str, source: str
) -> SwapConvention:
    row = INDICES[index]
    return SwapConvention(
        name=name,
        currency=row.currency,
        index=index,
        spot_lag=spot_lag,
        fixed_frequency="1Y",
        fixed_day_count=row.day_count,
        float_frequency="1Y",
        float_day_count=row.day_count,
        payment_lag=payment_lag,
        calendar=row.calendar,
        business_day_convention="MODIFIED_FOLLOWING",
        end_of_month=False,
        discount_curve=curve,
        sources=_cite(
            index=source,
            spot_lag=source,
            fixed_frequency=source,
            fixed_day_count=source,
            float_frequency=source,
            float_day_count=source,
            payment_lag=source,
            calendar=row.sources["calendar"],
            business_day_convention=ISDA,
            end_of_month=ISDA,
            discount_curve=HOUSE,
        ),
    )


def _euribor(tenor: str) -> SwapConvention:
    return SwapConvention(
        name=f"EUR-EURIBOR-{tenor}",
        currency="EUR",
        index=f"EURIBOR{tenor}",
        spot_lag=2,
        fixed_frequency="1Y",
        fixed_day_count="30/360",
        float_frequency=tenor,
        float_day_count="ACT/360",
        payment_lag=0,
        calendar="TARGET",
        business_day_convention="MODIFIED_FOLLOWING",
        end_of_month=False,
        discount_curve="EUR-ESTR",
        sources=_cite(
            index=EMMI,
            spot_lag=EMMI,
            fixed_frequency=ISDA,
            fixed_day_count=ISDA,
            float_frequency=EMMI,
            float_day_count=EMMI,
            payment_lag=ISDA,
            calendar=EMMI,
            business_day_convention=ISDA,
            end_of_month=ISDA,
            discount_curve=EURRFR,
        ),
    )


SWAPS: Mapping[str, SwapConvention] = MappingProxyType(
    {
        row.name: row
        for row in (
            _ois("USD-SOFR-OIS", "SOFR", 2, 2, "USD-SOFR", CFTC),
            _ois("EUR-ESTR-OIS", "ESTR", 2, 1, "EUR-ESTR", LCH),
            _euribor("3M"),
            _euribor("6M"),
            _ois("GBP-SONIA-OIS", "SONIA", 0, 0, "GBP-SONIA", CFTC),
        )
    }
)


def _lags(*rows: tuple[str | None, int, str]) -> tuple[SettlementLag, ...]:
    """Rows of (first trade date, or None for always; business days; source)."""
    return tuple(
        SettlementLag(
            valid_from=dt.date.fromisoformat(first) if first else ALWAYS, days=days, source=source
        )
        for first, days, source in rows
    )


US_TREASURY_LAGS = _lags(
    (None, 1, TMPG),
    ("2012-04-06", 2, SIFMA_GOOD_FRIDAY),
    ("2012-04-07", 1, TMPG),
    ("2015-04-03", 2, SIFMA_GOOD_FRIDAY),
    ("2015-04-04", 1, TMPG),
    ("2026-04-03", 2, SIFMA_GOOD_FRIDAY),
    ("2026-04-04", 1, TMPG),
)
US_CORPORATE_LAGS = _lags((None, 3, SEC_T3), ("2017-09-05", 2, SEC_T2), ("2024-05-28", 1, SEC_T1))
GILT_LAGS = _lags((None, 1, GEMM))
EU_LAGS = _lags((None, 3, EU_T3), ("2014-10-06", 2, EU_T2), ("2027-10-11", 1, EU_T1))
GERMAN_LAGS = _lags((None, 2, EU_T2), ("2027-10-11", 1, EU_T1))
"""Germany settled on T+2 before the other markets of the EU did."""


def _bond(
    name: str,
    currency: str | None,
    source: str,
    *,
    frequency: str,
    settlement_lags: tuple[SettlementLag, ...],
    calendar: str,
    yield_source: str,
    day_count: str = "ACT/ACT ICMA",
    ex_coupon_days: int = 0,
    end_of_month: bool = False,
    yield_frequency: str | None = None,
    last_period_yield: Literal["simple", "compounded"] = "compounded",
    yield_payment_dates: Literal["nominal", "business_days"] = "nominal",
    bill_yield: str | None = None,
    bill_source: str | None = None,
) -> BondConvention:
    return BondConvention(
        name=name,
        currency=currency,
        payment_frequency=frequency,
        day_count=day_count,
        settlement_lags=settlement_lags,
        calendar=calendar,
        settlement_calendar=settlement_calendar(calendar),
        business_day_convention="FOLLOWING",
        end_of_month=end_of_month,
        ex_coupon_days=ex_coupon_days,
        yield_frequency=yield_frequency or frequency,
        last_period_yield=last_period_yield,
        yield_payment_dates=yield_payment_dates,
        bill_yield=bill_yield,
        discount_curve=f"{currency}-GOVT" if currency else None,
        sources=_cite(
            payment_frequency=source,
            day_count=source,
            calendar=source,
            settlement_calendar=SIFMA_GOOD_FRIDAY if calendar == "US-GOVT" else source,
            business_day_convention=source,
            end_of_month=source,
            ex_coupon_days=source,
            yield_frequency=yield_source,
            last_period_yield=yield_source,
            yield_payment_dates=yield_source,
            bill_yield=bill_source or source,
            discount_curve=HOUSE,
        ),
    )


BONDS: Mapping[str, BondConvention] = MappingProxyType(
    {
        row.name: row
        for row in (
            _bond(
                "US-TREASURY",
                "USD",
                CFR,
                frequency="6M",
                settlement_lags=US_TREASURY_LAGS,
                calendar="US-GOVT",
                end_of_month=True,
                last_period_yield="simple",
                yield_source=MAYLE,
                bill_yield="coupon_equivalent",
                bill_source=CFR_BILLS,
            ),
            _bond(
                "UK-GILT",
                "GBP",
                DMO,
                frequency="6M",
                settlement_lags=GILT_LAGS,
                calendar="UK",
                ex_coupon_days=7,
                yield_source=DMO,
                bill_yield="ACT/365F",
                bill_source=UK_BILLS,
            ),
            _bond(
                "DE-BUND",
                "EUR",
                FINANZAGENTUR,
                frequency="1Y",
                settlement_lags=GERMAN_LAGS,
                calendar="TARGET",
                last_period_yield="simple",
                yield_source=BUNDESBANK,
                bill_yield="ACT/360",
                bill_source=BUBILLS,
            ),
            _bond(
                "FR-OAT",
                "EUR",
                AFT,
                frequency="1Y",
                settlement_lags=EU_LAGS,
                calendar="TARGET",
                yield_source=AFT,
                bill_yield="ACT/360",
                bill_source=BTF,
            ),
            _bond(
                "IT-BTP",
                "EUR",
                MEF,
                frequency="6M",
                settlement_lags=EU_LAGS,
                calendar="TARGET",
                yield_frequency="1Y",
                last_period_yield="simple",
                yield_payment_dates="business_days",
                yield_source=BTP_YIELDS,
                bill_yield="ACT/360",
                bill_source=BOT,
            ),
            _bond(
                "CORP-30-360",
                None,
                FINRA,
                frequency="6M",
                settlement_lags=US_CORPORATE_LAGS,
                calendar="US-GOVT",
                day_count="30/360",
                last_period_yield="simple",
                yield_source=MSRB,
            ),
        )
    }
)

T = TypeVar("T")
Row = IndexConvention | CurveConvention | SwapConvention | BondConvention


def pick(table: Mapping[str, T], field: str, name: str) -> T:
    """The row of that name.

    Raises:
        BadInput: No such row; the message lists the names there are.
    """
    try:
        return table[name]
    except KeyError:
        raise BadInput(field, name, f"allowed: {', '.join(table)}") from None


def canonical(row: Row) -> str:
    """One line that changes when any rule of the row does; sources and wording do not count."""
    values = (f"{f.name}={getattr(row, f.name)}" for f in fields(row) if f.name != "sources")
    return ";".join(values)

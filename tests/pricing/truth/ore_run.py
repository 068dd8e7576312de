"""Run the Open Source Risk Engine (ORE) on swaps and bonds that are given as contract terms.

ORE makes its own schedules, coupons and payment dates from the dates and rules in its portfolio
file; it is given nothing of this project's but discount factors of curves and fixings. It has a
QuantLib of its own inside, so it runs in a process of its own. Licence: Modified BSD.
"""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

INSTALL = "pip install open-source-risk-engine==1.8.17.0, or set ORE_PYTHON to a Python that has it"
PROGRAM = """
import sys
from ORE import OREApp, Parameters
parameters = Parameters()
parameters.fromFile(sys.argv[1])
OREApp(parameters, False).run()
"""

CALENDARS = {
    "NONE": "NullCalendar",
    "TARGET": "TARGET",
    "UK": "UK",
    "US-GOVT": "US-GOV",
    "US-SOFR": "US-SOFR",
    "WEEKENDS": "WeekendsOnly",
}
DAY_COUNTS = {
    "ACT/360": "A360",
    "ACT/365F": "A365F",
    "ACT/ACT ISDA": "ActActISDA",
    "ACT/ACT ICMA": "ActActISMA",
    "30/360": "30/360",
    "30/360 US": "30/360 US",
    "30E/360": "30E/360",
}
ROLLS = {
    "FOLLOWING": "F",
    "MODIFIED_FOLLOWING": "MF",
    "PRECEDING": "P",
    "MODIFIED_PRECEDING": "MP",
    "UNADJUSTED": "U",
}
INDICES = {
    "SOFR": "USD-SOFR",
    "ESTR": "EUR-ESTER",
    "SONIA": "GBP-SONIA",
    "EURIBOR3M": "EUR-EURIBOR-3M",
    "EURIBOR6M": "EUR-EURIBOR-6M",
}
CURVE = "C"
"""Before the name of each curve: ORE takes a curve named as an index for that index."""

Discounts = Mapping[str, Mapping[dt.date, float]]
Fixings = Mapping[str, Mapping[dt.date, float]]


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A leg as a contract says it; ``rate`` is the fixed rate or the spread over the index."""

    payer: bool
    day_count: str
    start: dt.date
    end: dt.date
    frequency: str
    schedule_calendar: str
    roll: str
    end_of_month: bool
    payment_calendar: str
    payment_roll: str
    payment_lag: int
    rate: float
    notionals: Sequence[tuple[dt.date, float]]
    index: str | None = None
    fixing_days: int = 0
    first: dt.date | None = None
    last: dt.date | None = None


@dataclass(frozen=True, kw_only=True)
class Trade:
    """A swap of two legs, or a bond of one, which has an issue date and a curve."""

    id: str
    legs: Sequence[Leg]
    curve: str = ""
    issue: dt.date | None = None


@dataclass(frozen=True)
class Flow:
    """One payment, as ORE reports it; received is positive."""

    leg: int
    date: dt.date
    amount: float


@dataclass
class Priced:
    """ORE's value and payments of a trade, in the trade's currency."""

    npv: float
    flows: list[Flow] = field(default_factory=list)


def python_with_ore() -> str | None:
    """The interpreter that can import ORE, or None."""
    named = os.environ.get("ORE_PYTHON")
    if named:
        return named
    return sys.executable if importlib.util.find_spec("ORE") else None


def price(
    folder: Path,
    today: dt.date,
    currency: str,
    trades: Sequence[Trade],
    discounts: Discounts,
    forwards: Mapping[str, str],
    discount_curve: str,
    fixings: Fixings,
    *,
    with_todays: bool = False,
) -> dict[str, Priced]:
    """Values and payments of trades of one currency.

    Args:
        folder: An empty folder for ORE's files.
        today: The valuation date.
        currency: Of all trades.
        trades: What to price.
        discounts: Discount factors by curve and date; log-linear between the dates.
        forwards: The projection curve of each index.
        discount_curve: The curve of swaps.
        fixings: Decimals by index and date.
        with_todays: Whether payments of the day itself are among those to come.
    """
    discounts = {CURVE + name: factors for name, factors in discounts.items()}
    forwards = {index: CURVE + name for index, name in forwards.items()}
    discount_curve = CURVE + discount_curve
    files = {
        "ore.xml": _ore(today, currency, folder, with_todays),
        "curves.xml": _curves(currency, discounts),
        "market.xml": _market(currency, discounts, forwards, discount_curve),
        "engines.xml": ENGINES,
        "conventions.xml": "<Conventions/>",
        "portfolio.xml": _portfolio(currency, trades),
        "quotes.txt": "\n".join(_quotes(today, currency, discounts)),
        "fixings.txt": "\n".join(
            f"{day:%Y-%m-%d} {INDICES[name]} {rate!r}"
            for name, rates in fixings.items()
            for day, rate in rates.items()
        ),
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    command = [str(python_with_ore()), "-c", PROGRAM, str(folder / "ore.xml")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if not (folder / "npv.csv").exists():
        log = folder / "log.txt"
        raise RuntimeError(run.stdout + run.stderr + (log.read_text() if log.exists() else ""))
    return _read(folder)


def _read(folder: Path) -> dict[str, Priced]:
    found = {row["TradeId"]: Priced(float(row["NPV"])) for row in _rows(folder / "npv.csv")}
    for row in _rows(folder / "flows.csv"):
        amount, date = float(row["Amount"]), dt.date.fromisoformat(row["PayDate"])
        found[row["TradeId"]].flows.append(Flow(int(row["LegNo"]), date, amount))
    return found


def _rows(file: Path) -> Iterable[dict[str, str]]:
    text = file.read_text().lstrip("#")
    return csv.DictReader(text.splitlines())


# --- ORE's files -----------------------------------------------------------------------------


def _parameters(**values: object) -> str:
    rows = (f'<Parameter name="{k}">{escape(str(v))}</Parameter>' for k, v in values.items())
    return "".join(rows)


def _ore(today: dt.date, currency: str, folder: Path, with_todays: bool) -> str:
    setup = _parameters(
        asofDate=today,
        inputPath=folder,
        outputPath=folder,
        logFile="log.txt",
        logMask=15,
        marketDataFile="quotes.txt",
        fixingDataFile="fixings.txt",
        implyTodaysFixings="N",
        curveConfigFile="curves.xml",
        conventionsFile="conventions.xml",
        marketConfigFile="market.xml",
        pricingEnginesFile="engines.xml",
        portfolioFile="portfolio.xml",
        observationModel="None",
        continueOnError="true",
        includeTodaysCashFlows="Y" if with_todays else "N",
    )
    npv = _parameters(active="Y", baseCurrency=currency, outputFileName="npv.csv")
    flows = _parameters(active="Y", outputFileName="flows.csv")
    return (
        f"<ORE><Setup>{setup}</Setup><Markets>{_parameters(pricing='default')}</Markets><Analytics>"
        f'<Analytic type="npv">{npv}</Analytic><Analytic type="cashflow">{flows}</Analytic>'
        "</Analytics></ORE>"
    )


ENGINES = """<PricingEngines>
<Product type="Swap"><Model>DiscountedCashflows</Model><ModelParameters/>
<Engine>DiscountingSwapEngine</Engine><EngineParameters/></Product>
<Product type="Bond"><Model>DiscountedCashflows</Model><ModelParameters/>
<Engine>DiscountingRiskyBondEngine</Engine><EngineParameters>
<Parameter name="TimestepPeriod">6M</Parameter></EngineParameters></Product>
</PricingEngines>"""


def _quotes(today: dt.date, currency: str, discounts: Discounts) -> Iterable[str]:
    for name, factors in discounts.items():
        for date, factor in factors.items():
            yield f"{today} DISCOUNT/RATE/{currency}/{name}/{date} {factor!r}"


def _curves(currency: str, discounts: Discounts) -> str:
    made = []
    for name, factors in discounts.items():
        quotes = "".join(
            f"<Quote>DISCOUNT/RATE/{currency}/{name}/{date}</Quote>" for date in factors
        )
        made.append(
            f"<YieldCurve><CurveId>{name}</CurveId><CurveDescription/><Currency>{currency}"
            "</Currency><DiscountCurve/><Segments><Direct><Type>Discount</Type>"
            f"<Quotes>{quotes}</Quotes><Conventions/></Direct></Segments>"
            "<InterpolationVariable>Discount</InterpolationVariable>"
            "<InterpolationMethod>LogLinear</InterpolationMethod>"
            "<YieldCurveDayCounter>A365F</YieldCurveDayCounter><Extrapolation>true</Extrapolation>"
            "</YieldCurve>"
        )
    return f"<CurveConfiguration><YieldCurves>{''.join(made)}</YieldCurves></CurveConfiguration>"


def _market(
    currency: str, discounts: Discounts, forwards: Mapping[str, str], discount_curve: str
) -> str:
    yields = "".join(
        f'<YieldCurve name="{name}">Yield/{currency}/{name}</YieldCurve>' for name in discounts
    )
    indices = "".join(
        f'<Index name="{INDICES[index]}">Yield/{currency}/{name}</Index>'
        for index, name in forwards.items()
    )
    return (
        '<TodaysMarket><Configuration id="default"><DiscountingCurvesId>default'
        "</DiscountingCurvesId><YieldCurvesId>default</YieldCurvesId><IndexForwardingCurvesId>"
        'default</IndexForwardingCurvesId></Configuration><YieldCurves id="default">'
        f'{yields}</YieldCurves><DiscountingCurves id="default"><DiscountingCurve '
        f'currency="{currency}">Yield/{currency}/{discount_curve}</DiscountingCurve>'
        f'</DiscountingCurves><IndexForwardingCurves id="default">{indices}'
        "</IndexForwardingCurves></TodaysMarket>"
    )


def _portfolio(currency: str, trades: Sequence[Trade]) -> str:
    made = "".join(
        _bond(currency, trade) if trade.issue else _swap(currency, trade) for trade in trades
    )
    return f"<Portfolio>{made}</Portfolio>"


def _swap(currency: str, trade: Trade) -> str:
    legs = "".join(_leg(currency, leg) for leg in trade.legs)
    return (
        f'<Trade id="{trade.id}"><TradeType>Swap</TradeType><Envelope/><SwapData>{legs}</SwapData>'
        "</Trade>"
    )


def _bond(currency: str, trade: Trade) -> str:
    (leg,) = trade.legs
    return (
        f'<Trade id="{trade.id}"><TradeType>Bond</TradeType><Envelope/><BondData>'
        f"<IssuerId>I</IssuerId><CreditCurveId/><SecurityId>{trade.id}</SecurityId>"
        f"<ReferenceCurveId>{CURVE}{trade.curve}</ReferenceCurveId><SettlementDays>0</SettlementDays>"
        f"<Calendar>{CALENDARS[leg.payment_calendar]}</Calendar>"
        f"<IssueDate>{trade.issue}</IssueDate>{_leg(currency, leg)}</BondData></Trade>"
    )


def _leg(currency: str, leg: Leg) -> str:
    (_, first), *later = leg.notionals
    steps = "".join(f'<Notional startDate="{date}">{amount!r}</Notional>' for date, amount in later)
    if leg.index is None:
        kind = "Fixed"
        data = f"<FixedLegData><Rates><Rate>{leg.rate!r}</Rate></Rates></FixedLegData>"
    else:
        kind = "Floating"
        data = (
            f"<FloatingLegData><Index>{INDICES[leg.index]}</Index><Spreads><Spread>{leg.rate!r}"
            "</Spread></Spreads><FixingDays>"
            f"{leg.fixing_days}</FixingDays></FloatingLegData>"
        )
    stubs = (f"<FirstDate>{leg.first}</FirstDate>" if leg.first else "") + (
        f"<LastDate>{leg.last}</LastDate>" if leg.last else ""
    )
    return (
        f"<LegData><LegType>{kind}</LegType><Payer>{str(leg.payer).lower()}</Payer>"
        f"<Currency>{currency}</Currency><Notionals><Notional>{first!r}</Notional>{steps}"
        f"</Notionals><DayCounter>{DAY_COUNTS[leg.day_count]}</DayCounter>"
        f"<PaymentConvention>{ROLLS[leg.payment_roll]}</PaymentConvention>"
        f"<PaymentLag>{leg.payment_lag}</PaymentLag>"
        f"<PaymentCalendar>{CALENDARS[leg.payment_calendar]}</PaymentCalendar>{data}"
        f"<ScheduleData><Rules><StartDate>{leg.start}</StartDate><EndDate>{leg.end}</EndDate>"
        f"<Tenor>{leg.frequency}</Tenor><Calendar>{CALENDARS[leg.schedule_calendar]}</Calendar>"
        f"<Convention>{ROLLS[leg.roll]}</Convention><TermConvention>{ROLLS[leg.roll]}"
        "</TermConvention><Rule>Backward</Rule>"
        f"<EndOfMonth>{'Y' if leg.end_of_month else 'N'}</EndOfMonth>{stubs}"
        "</Rules></ScheduleData></LegData>"
    )

"""FpML 5 as a file of trades: the samples, their values, and what is refused by a sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instruments import loading
from instruments.loading import KINDS, BadFile, read_table
from instruments.loading.fpml import tree
from instruments.models import BasisSwap, Book, Counterparty, Desk, Swap
from instruments.trade_repository import terms_of_trades
from pricing.products.flows import compile_trade

SAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "fpml"
VANILLA, OIS, BASIS, AMORTISING = (
    (SAMPLES / f"{name}.xml").read_text() for name in ("vanilla", "ois", "basis", "amortising")
)
KIND_OF = {VANILLA: "swaps", OIS: "swaps", BASIS: "basis_swaps", AMORTISING: "swaps"}


@pytest.fixture
def books(db: None) -> None:
    desk = Desk.objects.create(code="RATES", name="Rates")
    for code in ("USD-RATES", "EUR-RATES", "GBP-RATES"):
        Book.objects.create(code=code, name=code, desk=desk)
    Counterparty.objects.create(code="CLIENT-1", name="Client", lei="254900HROIFWPRGM1V77")


def rows_of(text: str, kind: str = "") -> list[dict[str, Any]]:
    return [dict(row) for row in read_table(text.encode(), KINDS[kind or KIND_OF[text]]).rows]


def loaded(text: str) -> Any:
    kind = KINDS[KIND_OF[text]]
    result = loading.load(kind, read_table(text.encode(), kind))
    assert result.sentences() == []
    assert [row.status for row in result.rows] == ["new"]
    return kind.model._base_manager.get(trade_id=result.rows[0].id)


COMPOUNDS = (
    "<dayCountFraction>ACT/360</dayCountFraction><compoundingMethod>Straight</compoundingMethod>"
)


@pytest.mark.parametrize(
    ("word", "method"),
    [("Straight", "straight"), ("Flat", "flat"), ("SpreadExclusive", "spread_exclusive")],
)
def test_payments_of_several_periods_compound(books: None, word: str, method: str) -> None:
    day_count = "<dayCountFraction>ACT/360</dayCountFraction>"
    text = VANILLA.replace(day_count, COMPOUNDS.replace("Straight", word))
    paid = "<paymentFrequency>\n            <periodMultiplier>{}"
    text = text.replace(paid.format(6), paid.format(12))
    KIND_OF[text] = "swaps"
    row: Swap = loaded(text)
    assert (row.compounding_method, row.float_frequency) == (method, "1Y")


def test_a_vanilla_swap_is_the_swap_that_it_says(books: None) -> None:
    row: Swap = loaded(VANILLA)
    assert (row.trade_id, row.book.code, row.convention) == (
        "FPML-1",
        "EUR-RATES",
        "EUR-EURIBOR-6M",
    )
    assert (row.pay_receive, row.notional) == ("receive", Decimal(50_000_000))
    assert (row.effective_date, row.termination_date) == (dt.date(2024, 3, 6), dt.date(2034, 3, 6))
    assert (row.fixed_rate, row.spread_bp) == (Decimal("0.0265"), Decimal(5))
    assert row.counterparty is not None
    assert (row.counterparty.code, row.trade_date) == ("CLIENT-1", dt.date(2024, 3, 4))
    assert (row.fixed_frequency, row.fixed_day_count, row.payment_lag) == ("", "", None)


def test_an_overnight_swap_pays_with_the_lag_of_its_convention(books: None) -> None:
    row: Swap = loaded(OIS)
    assert (row.convention, row.pay_receive, row.payment_lag) == ("USD-SOFR-OIS", "pay", None)
    other = rows_of(_(OIS, "<periodMultiplier>2<", "<periodMultiplier>1<"), "swaps")
    assert other[0]["payment_lag"] == 1


def test_a_basis_swap_has_an_index_and_a_spread_for_each_stream(books: None) -> None:
    row: BasisSwap = loaded(BASIS)
    assert (row.first_index, row.second_index, row.pay_receive) == ("EURIBOR3M", "EURIBOR6M", "pay")
    assert (row.first_spread_bp, row.second_spread_bp) == (Decimal("5.5"), 0)


def test_the_fixed_flows_of_an_amortising_swap_are_those_of_hand_arithmetic(books: None) -> None:
    """Notional x rate x days / 365; dates on the holidays of London, all four periods."""
    row: Swap = loaded(AMORTISING)
    flows = compile_trade(terms_of_trades([row.trade_id])[row.trade_id]).flows
    fixed = flows[(flows["index"] == 255) & (flows["amount"] != 0)]
    expected = [
        20e6 * 0.0405 * 365 / 365,  # 7 March 2024 to Friday 7 March 2025
        15e6 * 0.0405 * 367 / 365,  # to Monday 9 March 2026
        10e6 * 0.0425 * 364 / 365,  # to Monday 8 March 2027
        5e6 * 0.0425 * 365 / 365,  # to Tuesday 7 March 2028
    ]
    amounts = np.sort(fixed["amount"])[::-1]
    np.testing.assert_allclose(amounts, sorted(expected, reverse=True), rtol=1e-12)


def test_an_lei_names_the_counterparty_that_has_it(books: None) -> None:
    lei = (
        '<partyId partyIdScheme="http://www.fpml.org/coding-scheme/external/iso17442">{}</partyId>'
    )
    known = _(VANILLA, "<partyId>CLIENT-1</partyId>", lei.format("254900HROIFWPRGM1V77"))
    assert rows_of(known, "swaps")[0]["counterparty"] == "CLIENT-1"
    unknown = _(VANILLA, "<partyId>CLIENT-1</partyId>", lei.format("5493001KJTIIGC8Y1R12"))
    assert "no counterparty has the LEI '5493001KJTIIGC8Y1R12'" in refusal(unknown)


def test_fpml_is_taken_over_rest_by_the_same_address(api: Any, books: None) -> None:
    answer = api.generic(
        "POST", "/api/v1/swaps/bulk/?dry_run=true", VANILLA, content_type="application/xml"
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["counts"]["new"] == 1
    bad = api.generic("POST", "/api/v1/swaps/bulk/", bomb(), content_type="application/xml")
    assert bad.status_code == 400
    assert "document type" in bad.json()["detail"]


# --- What is refused -------------------------------------------------------------------------


def _(text: str, old: str, new: str, count: int = -1) -> str:
    assert old in text, old
    return text.replace(old, new, count)


def refusal(text: str, kind: str = "swaps") -> str:
    with pytest.raises(BadFile) as caught:
        read_table(text.encode(), KINDS[kind])
    return str(caught.value)


BAD: dict[str, tuple[Callable[[], str], str]] = {
    "another version": (
        lambda: _(VANILLA, "FpML-5/confirmation", "2009/FpML-4-7"),
        "FpML 5 is read (http://www.fpml.org/FpML-5/...); the namespace of this file is",
    ),
    "no trade": (
        lambda: '<dataDocument xmlns="http://www.fpml.org/FpML-5/confirmation"/>',
        "The FpML has no trade",
    ),
    "not well-formed": (lambda: _(VANILLA, "</swap>", ""), "is not well-formed: mismatched tag"),
    "another product": (
        lambda: _(_(VANILLA, "<swap>", "<fra>"), "</swap>", "</fra>"),
        "fra in trade is not priced; allowed there: tradeHeader, swap",
    ),
    "no account": (
        lambda: _(VANILLA, '<accountReference href="book"/>', ""),
        "one partyTradeInformation with an accountReference is needed",
    ),
    "an account that is not there": (
        lambda: _(VANILLA, '<account id="book">', '<account id="other">'),
        "accountReference 'book' is of no account",
    ),
    "both pay": (
        lambda: _(
            VANILLA, '<payerPartyReference href="us"/>', '<payerPartyReference href="them"/>'
        ),
        "payer and receiver of one stream must be receiver and payer of the other",
    ),
    "a cap": (
        lambda: _(
            VANILLA,
            "<spreadSchedule>",
            "<capRateSchedule><initialValue>1</initialValue></capRateSchedule><spreadSchedule>",
        ),
        "capRateSchedule in floatingRateCalculation is not priced; allowed there: floating",
    ),
    "a cancellable swap": (
        lambda: _(VANILLA, "</swap>", "<cancelableProvision/></swap>"),
        "cancelableProvision in swap is not priced",
    ),
    "a fee": (
        lambda: _(VANILLA, "</swap>", "<additionalPayment/></swap>"),
        "additionalPayment in swap is not priced",
    ),
    "a day count": (
        lambda: _(VANILLA, "30/360", "ACT/365L"),
        "dayCountFraction: 'ACT/365L' is not priced; allowed: ACT/360, ACT/365.FIXED",
    ),
    "an index": (
        lambda: _(VANILLA, "EUR-EURIBOR-Reuters", "EUR-LIBOR-BBA"),
        "floatingRateIndex: 'EUR-LIBOR-BBA' is not priced; allowed: EUR-EURIBOR",
    ),
    "a tenor of an index": (
        lambda: _(
            VANILLA,
            "<indexTenor>\n                <periodMultiplier>6<",
            "<indexTenor>\n                <periodMultiplier>9<",
        ),
        "indexTenor: EURIBOR9M is not priced; allowed: EURIBOR3M, EURIBOR6M",
    ),
    "compounding": (
        lambda: _(
            VANILLA,
            "<paymentFrequency>\n            <periodMultiplier>6",
            "<paymentFrequency>\n            <periodMultiplier>12",
        ),
        "payments every 1Y of periods of 6M compound on a floating leg with a compoundingMethod; "
        "allowed: None, NoCompounding, SpreadExclusive, Straight, Flat",
    ),
    "a method of compounding": (
        lambda: _(VANILLA, "<dayCountFraction>ACT/360</dayCountFraction>", COMPOUNDS),
        "compoundingMethod: Straight of periods that are paid one by one",
    ),
    "a business center": (
        lambda: _(VANILLA, "<businessCenter>EUTA<", "<businessCenter>BRSP<"),
        "businessCenters: BRSP is not priced; allowed: USGS;",
    ),
    "two calendars": (
        lambda: _(VANILLA, "<businessCenter>EUTA<", "<businessCenter>GBLO<", 1),
        "businessCenters of periods, end and payments must be one set",
    ),
    "notionals that differ": (
        lambda: _(VANILLA, "50000000.00", "40000000.00", 1),
        "notional of the streams must be equal: 40000000.00 and 50000000.00",
    ),
    "ends that differ": (
        lambda: _(VANILLA, "2034-03-06", "2035-03-06", 1),
        "terminationDate of the streams must be equal: 2035-03-06 and 2034-03-06",
    ),
    "a rate that is no number": (
        lambda: _(VANILLA, "0.0265", "2,65"),
        "fixedRateSchedule/initialValue: '2,65' is not a number",
    ),
    "fixing in arrears": (
        lambda: _(VANILLA, "CalculationPeriodStartDate", "CalculationPeriodEndDate"),
        "resetRelativeTo: 'CalculationPeriodEndDate' is not priced",
    ),
    "another fixing lag": (
        lambda: _(VANILLA, "<periodMultiplier>-2<", "<periodMultiplier>-5<"),
        "EURIBOR6M fixes 2 business days before a period",
    ),
    "a currency": (
        lambda: _(VANILLA, "<currency>EUR<", "<currency>USD<"),
        "currency: USD is not that of EURIBOR6M, EUR",
    ),
    "a roll": (
        lambda: _(VANILLA, "<rollConvention>6<", "<rollConvention>FRI<"),
        "rollConvention: 'FRI' is not priced; allowed: EOM, IMM, NONE, 1 to 31",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_read_is_a_sentence(name: str) -> None:
    make, sentence = BAD[name]
    found = refusal(make())
    assert sentence in found, found
    assert "Traceback" not in found


def test_a_sentence_names_line_and_trade_and_there_is_one_for_each_trade() -> None:
    start, end = VANILLA.index("  <trade>"), VANILLA.index("  <party id")
    bad = _(VANILLA[start:end], "30/360", "30E+/360")
    both = VANILLA[:start] + bad + _(bad, "FPML-1", "FPML-9") + VANILLA[end:]
    found = refusal(both).splitlines()
    assert [line.split(":")[:2] for line in found] == [
        ["line 3", " trade 'FPML-1'"],
        [f"line {3 + bad.count(chr(10))}", " trade 'FPML-9'"],
    ]


def test_a_kind_of_trade_is_loaded_as_itself() -> None:
    assert "a basis swap, to be loaded as basis_swaps" in refusal(BASIS)
    assert "a fixed-floating swap, to be loaded as swaps" in refusal(VANILLA, "basis_swaps")
    assert "FpML is read as swaps or basis_swaps, not as bonds" in refusal(VANILLA, "bonds")
    assert "HTML or XML" in refusal("<html></html>")


# --- Hostile XML -----------------------------------------------------------------------------


def bomb() -> str:
    """Each entity is ten of the one before: a billion laughs."""
    entities = "\n".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "laugh">' for n in range(10)
    )
    return _(
        VANILLA,
        "<dataDocument",
        f"<!DOCTYPE dataDocument [\n{entities}\n]>\n<dataDocument",
    ).replace("FPML-1", "&l9;")


def test_document_types_entities_and_external_files_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("TOP-SECRET")
    outside = _(
        VANILLA,
        "<dataDocument",
        f'<!DOCTYPE dataDocument [<!ENTITY x SYSTEM "{secret.as_uri()}">]>\n<dataDocument',
    ).replace("FPML-1", "&x;")
    parameter = _(
        VANILLA,
        "<dataDocument",
        '<!DOCTYPE d SYSTEM "http://127.0.0.1:1/evil.dtd">\n<dataDocument',
    )
    for text in (bomb(), outside, parameter):
        found = refusal(text)
        assert "the XML has a document type (DOCTYPE" in found
        assert "TOP-SECRET" not in found
        assert len(found) < 400


def test_an_entity_that_is_not_declared_and_a_strange_encoding_are_refused() -> None:
    assert "not well-formed: undefined entity" in refusal(_(VANILLA, "FPML-1", "&secret;"))
    assert "encoding" in refusal(_(VANILLA, 'encoding="UTF-8"', 'encoding="utf-7"'))


def test_depth_and_number_of_elements_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = "<a>" * 100_000
    assert "inside each other" in refusal(_(VANILLA, "<swap>", f"<swap>{deep}"))
    monkeypatch.setattr(tree, "MOST_ELEMENTS", 50)
    assert "more than 50 elements" in refusal(VANILLA)

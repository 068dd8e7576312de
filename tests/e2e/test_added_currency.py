"""Files in MARKETS_DIR are all that a new currency, or a curve of bond prices, needs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import QuantLib as ql
from kafka import KafkaProducer

from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from risk.store.frames import Frames
from risk.store.results import Rollup
from tests.e2e.system import running_system
from tests.pricing.markets.made import RURITANIA
from tests.pricing.quantlib_bonds import annual_yield
from tests.redis_databases import RedisDatabase
from tests.waiting import until

FILES = {
    "desks.csv": "code,name\nRATES,Rates\n",
    "books.csv": "code,name,desk\nZZZ-SWAPS,Swaps,RATES\nBUNDS,Bunds,RATES\n",
    "swaps.csv": (
        "trade_id,convention,pay_receive,notional,effective_date,tenor,fixed_rate,book\n"
        "Z1,ZZZ-ZONIA-OIS,receive,1000000,2024-01-02,10Y,0.03,ZZZ-SWAPS\n"
    ),
    "bonds.csv": (
        "code,name,convention,coupon_rate,issue_date,maturity_date\n"
        "BUND-26,Bund 2026,DE-BUND,0.005,2016-02-15,2026-02-15\n"
        "BUND-29,Bund 2029,DE-BUND,0.0025,2019-02-15,2029-02-15\n"
        "BUND-34,Bund 2034,DE-BUND,0.022,2023-02-15,2034-02-15\n"
        "BUND-44,Bund 2044,DE-BUND,0.025,2012-07-04,2044-07-04\n"
    ),
    "positions.csv": (
        "trade_id,bond,face_amount,book\n"
        "P26,BUND-26,1000000,BUNDS\n"
        "P29,BUND-29,1000000,BUNDS\n"
        "P34,BUND-34,1000000,BUNDS\n"
        "P44,BUND-44,1000000,BUNDS\n"
    ),
}
CLEAN = {"BUND-26": 95.62, "BUND-29": 90.01, "BUND-34": 98.42, "BUND-44": 97.3}
NODES = "2Y,5Y,20Y"


def send_bond_prices(servers: str) -> None:
    tick = {
        "currency": "EUR",
        "as_of": "2024-03-05T16:30:00Z",
        "source": "bond-feed",
        "seq": 1,
        "whole": True,
        "curves": {},
        "prices": {"EUR-GOVT": {f"BOND-{name}": price for name, price in CLEAN.items()}},
    }
    producer = KafkaProducer(bootstrap_servers=servers)
    producer.send(YIELD_CURVE_TICKS, json.dumps(tick).encode(), b"EUR").get(30)
    producer.close()


def check_rich_and_cheap(rollup: Rollup) -> None:
    """The prices of the tick are yields in the frame, and each bond has a residual."""
    assert (rollup.trades, rollup.priced, rollup.status) == (4, 4, "COMPLETE")
    quotes = rollup.curves["EUR-GOVT"]
    assert quotes.keys() == {f"BOND-{name}" for name in CLEAN}
    keys = [tenor for _, tenor in rollup.keys]
    residuals = dict(zip(keys, rollup.residuals_bp, strict=True))
    assert set(residuals) == quotes.keys()
    assert max(map(abs, residuals.values())) > 0.5
    assert rollup.weights == [1.0] * 4
    (nodes,) = rollup.nodes
    assert nodes.unknowns == 3
    # At the least sum of squares some bonds are rich and others cheap.
    assert min(residuals.values()) < 0.0 < max(residuals.values())
    dates = ql.Date(7, 3, 2024), ql.Date(15, 2, 2023), ql.Date(15, 2, 2034)
    wanted = annual_yield(CLEAN["BUND-34"], *dates, 0.022)
    assert quotes["BOND-BUND-34"] == pytest.approx(wanted, abs=1e-10)


def test_a_trade_of_an_added_currency_and_a_curve_of_bond_prices_are_priced(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    base, markets = tmp_path_factory.mktemp("system"), tmp_path_factory.mktemp("markets")
    (markets / "zzz.toml").write_text(RURITANIA)
    environment = {**os.environ, "MARKETS_DIR": str(markets)}
    with running_system(base, environment, redis_db=RedisDatabase.ADDED_CURRENCY) as system:
        system.migrate()
        for name, text in FILES.items():
            (base / name).write_text(text)
            system.manage("load_instruments", str(Path(base) / name))
        system.manage(
            *("quote_bonds", "--curve", "EUR-GOVT", "--nodes", NODES, "--date", "2024-03-05"),
            *("--out", str(markets / "eur.toml")),
        )
        system.manage("seed_fixings", "--from", "2023-12-01", "--to", "2024-03-29")
        system.start_worker("pricing", "sums,detail", 1)
        system.start_worker("compile", "compile", 1)
        system.start_bridge(start="earliest")
        system.manage(
            "shell", "-c", "from risk.workers.tasks import compile_book; compile_book.delay()"
        )
        system.wait()
        replay = ("replay", "--currency", "ZZZ", "--max", "--once", "3", "--run-id", "added")
        system.manage(*replay)
        # Frames.current_all asks for names that this process need not know.
        frames: Frames = system.frames
        rollup = until(lambda: frames.current_all(("ZZZ",)).get("ZZZ"), 90)
        assert (rollup.trades, rollup.priced, rollup.status) == (1, 1, "COMPLETE")
        assert rollup.cells[0].npv != 0
        assert len(rollup.conventions) == 12
        assert rollup.labels == {"ZZZ-GOVT": "synthetic", "ZZZ-ZONIA": "synthetic"}
        assert "ZZZ 1 trades" in system.manage("doctor")
        send_bond_prices(environment["KAFKA_BOOTSTRAP_SERVERS"])
        check_rich_and_cheap(until(lambda: frames.current_all(("EUR",)).get("EUR"), 90))

"""A file in MARKETS_DIR is all that a new currency needs to be loaded, compiled and priced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from risk.store.frames import Frames
from tests.e2e.system import running_system
from tests.pricing.markets.made import RURITANIA
from tests.redis_databases import RedisDatabase
from tests.waiting import until

FILES = {
    "desks.csv": "code,name\nRATES,Rates\n",
    "books.csv": "code,name,desk\nZZZ-SWAPS,Swaps,RATES\n",
    "swaps.csv": (
        "trade_id,convention,pay_receive,notional,effective_date,tenor,fixed_rate,book\n"
        "Z1,ZZZ-ZONIA-OIS,receive,1000000,2024-01-02,10Y,0.03,ZZZ-SWAPS\n"
    ),
}


def test_a_trade_of_an_added_currency_is_priced(
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

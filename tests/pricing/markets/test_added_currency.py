"""A site's own file adds a currency: it is priced as QuantLib prices it, and no other changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pricing.markets.made import RURITANIA

ROOT = Path(__file__).resolve().parents[3]


def run(directory: Path | None, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MARKETS_DIR": str(directory or "")}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True
    )


def priced(directory: Path | None, currency: str) -> dict[str, Any]:
    done = run(directory, "-m", "tests.pricing.markets.price_added", currency)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def own_files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("markets")
    (folder / "zzz.toml").write_text(RURITANIA)
    return folder


@pytest.fixture(scope="module")
def added(own_files) -> dict[str, Any]:
    return priced(own_files, "ZZZ")


def test_swaps_and_bonds_of_an_added_currency_are_priced_as_quantlib_prices_them(added):
    assert "ZZZ" in added["currencies"]
    assert not added["failures"]
    assert added["npv"] == pytest.approx(added["reference_npv"], abs=1e-3)
    assert added["dv01_par"] == pytest.approx(added["reference_dv01_par"], rel=1e-6)
    assert all(abs(value) > 1 for value in added["dv01_par"])


def test_a_new_currency_makes_no_other_currencys_compiled_book_stale(added):
    before = priced(None, "EUR")
    assert "ZZZ" not in before["currencies"]
    for name in ("usd_names", "usd_block"):
        assert added[name] == before[name]


def test_a_changed_convention_makes_the_trades_of_its_currency_stale(tmp_path, added):
    text = (ROOT / "pricing/markets/usd.toml").read_text()
    assert "payment_lag = 2\n" in text
    (tmp_path / "usd.toml").write_text(text.replace("payment_lag = 2\n", "payment_lag = 1\n"))
    changed = priced(tmp_path, "EUR")
    assert changed["usd_block"] != added["usd_block"]
    assert not set(changed["usd_names"]) & set(added["usd_names"])


def test_a_block_of_several_indices_is_the_same_after_it_was_stored():
    assert priced(None, "EUR")["same_after_decoding"]


def test_the_command_lists_and_checks_files(own_files, tmp_path):
    listed = run(own_files, "manage.py", "markets")
    assert listed.returncode == 0, listed.stderr
    assert "ZZZ-ZONIA-OIS" in listed.stdout
    good = run(None, "manage.py", "markets", "--check", str(own_files / "zzz.toml"))
    assert good.returncode == 0, good.stderr
    assert "can be used: put it into the directory of MARKETS_DIR" in good.stdout
    loaded = run(own_files, "manage.py", "markets", "--check", str(own_files / "zzz.toml"))
    assert "can be used, and is loaded" in loaded.stdout
    assert loaded.stdout.count("ZZZ-ZONIA-OIS") == 1  # in the table; paths are cut there
    bad = tmp_path / "zzz.toml"
    bad.write_text(RURITANIA.replace("spot_lag = 1\n", "spot_lag = -1\n"))
    refused = run(None, "manage.py", "markets", "--check", str(bad))
    assert refused.returncode == 2
    sentence = f"{bad}: [swaps.ZZZ-ZONIA-OIS] spot_lag = -1: a whole number of business days"
    assert sentence in refused.stderr


def test_a_command_with_a_bad_file_ends_with_its_sentence(tmp_path):
    (tmp_path / "zzz.toml").write_text("[indices]\nZONIA = 1\n")
    done = run(tmp_path, "manage.py", "markets")
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path}/zzz.toml: [indices] ZONIA = 1: a table of fields\n"

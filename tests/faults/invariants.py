"""Check the published frames and the records in Kafka against the system's invariants.

I1  every tick ends in one counted state     I5  late parts change nothing
I2  pointers only rise, detail's below sums' I6  at rest, the newest tick is what is published
I3  a frame is one vector, date and book     I7  what is missing or failed is named, never 0
I4  a frame equals the oracle's, bit for bit

docs/reliability.md says what each check proves, and what it does not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from risk.store.results import Rollup
from tests.faults.oracle import Oracle
from tests.faults.truth import Name, Truth
from tests.faults.watch import Seen

NAMES = ("I1", "I2", "I3", "I4", "I5", "I6", "I7")


class Invariants:
    """Counts what was checked, and keeps a sentence for each breach."""

    def __init__(self) -> None:
        """Nothing is checked yet."""
        self.checked: Counter[str] = Counter()
        self.broken: list[tuple[str, str]] = []

    def expect(self, name: str, holds: bool, otherwise: str) -> None:
        """One check."""
        self.checked[name] += 1
        if not holds:
            self.broken.append((name, otherwise))

    def summary(self) -> str:
        """Such as ``I1 I2 I3 I4:12 I6 !I7``: a number is how many frames were compared."""
        bad = {name for name, _ in self.broken}
        words = []
        for name in NAMES:
            if self.checked[name]:
                count = f":{self.checked[name]}" if name in ("I3", "I4") else ""
                words.append(("!" if name in bad else "") + name + count)
        return " ".join(words)

    # --- By frame ------------------------------------------------------------------------------

    def one_vector(self, frames: Iterable[Seen], truth: Truth, sources: set[str]) -> None:
        """I3: the quotes are those of the topic after the tick that the frame names."""
        for seen in frames:
            header, rollup = seen.header, seen.rollup
            if header.source not in sources:
                continue
            name = Name(header.currency, header.source, header.epoch, header.seq)
            where = f"{header.currency} frame {header.frame}"
            vector = truth.vectors.get(name)
            self.expect("I3", vector is not None, f"{where}: no accepted tick {name} in Kafka")
            self.expect(
                "I3", vector == header.curves, f"{where}: quotes are not those after {name}"
            )
            same = (rollup.curves, rollup.valuation_date, rollup.book_version) == (
                header.curves,
                header.valuation_date,
                header.book_version,
            )
            self.expect("I3", same, f"{where}: roll-up and header differ in quotes, date or book")

    def equals_oracle(self, frames: Iterable[Seen], oracle: Oracle) -> None:
        """I4: priced again in one process, every bit is the same."""
        for seen in frames:
            before = oracle.compared
            wrong = oracle.differences(seen)
            if oracle.compared > before:
                self.expect("I4", not wrong, "; ".join(wrong))

    def says_what_is_missing(self, frames: Iterable[Seen]) -> None:
        """I7: nothing is 0, NaN or silently absent."""
        for seen in frames:
            rollup = seen.rollup
            where = f"{rollup.currency} frame {rollup.frame} ({rollup.status})"
            self.expect("I7", _adds_up(rollup), f"{where}: priced and failed do not make the book")
            partial = bool(rollup.missing) == (rollup.status == "PARTIAL")
            self.expect("I7", partial, f"{where}: missing blocks are {rollup.missing}")
            numbers = all(math.isfinite(c.npv) and math.isfinite(c.dv01_par) for c in rollup.cells)
            self.expect("I7", numbers, f"{where}: a sum is not a number")

    def keeps_nobody_out(self, frames: Iterable[Seen], guilty: set[str]) -> None:
        """I7: a trade is not to suffer for the death of the process that happened to price it."""
        for seen in frames:
            codes = {f.trade_id for f in seen.rollup.failures if f.code == "QUARANTINED"}
            innocent = sorted(codes - guilty)
            self.expect("I7", not innocent, f"{seen.currency} keeps out {innocent[:3]}")

    # --- At rest -------------------------------------------------------------------------------

    def pointers_rose(self, falls: list[str]) -> None:
        """I2, of all that was seen."""
        self.expect("I2", not falls, "; ".join(falls))

    def newest_is_published(self, last: dict[str, Seen], truth: Truth) -> None:
        """I6: what stands under the pointer is the market after the last accepted tick."""
        for currency, name in truth.last.items():
            seen = last.get(currency)
            header = seen.header if seen else None
            got = header and Name(header.currency, header.source, header.epoch, header.seq)
            self.expect("I6", got == name, f"published is {got}, the last tick is {name}")
            whole = seen is not None and seen.rollup.status == "COMPLETE"
            self.expect("I6", whole, f"{currency} rests on a frame that is not COMPLETE")

    def detail_is_of_the_same_frame(self, details: dict[str, int], last: dict[str, Seen]) -> None:
        """I6 of the detail: at rest it is that of the frame whose sums are shown."""
        for currency, seen in last.items():
            got, wanted = details.get(currency, 0), seen.rollup.frame
            self.expect("I6", got == wanted, f"{currency} rests on detail {got}, sums {wanted}")

    def letters_are_the_bad_ones(self, truth: Truth) -> None:
        """I1: bad records are copied with their bytes and reason; good ones never."""
        found = {(letter.partition, letter.offset): letter for letter in truth.letters}
        lost = sorted(set(truth.bad) - set(found))
        self.expect("I1", not lost, f"{len(lost)} bad records without a dead letter: {lost[:5]}")
        good = sorted(set(found) - set(truth.bad))
        self.expect("I1", not good, f"{len(good)} good ticks among the dead letters: {good[:5]}")
        for place, code in truth.bad.items():
            letter = found.get(place)
            if letter is not None:
                said = f"dead letter of {place} says {letter.reason}, expected {code}"
                self.expect("I1", letter.reason == code, said)


def _adds_up(rollup: Rollup) -> bool:
    """Priced trades and named ones make the whole book, those of missing blocks too."""
    return rollup.priced + len(rollup.failures) == rollup.trades

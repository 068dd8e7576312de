"""Check the schedule of a swap in a process of its own.

A process that serves web pages asks here, so that it need not load QuantLib, which takes a second
and has one evaluation date for all threads.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from pricing.errors import BadInput
from pricing.products.fixed_floating_swap import SwapTerms

PROJECT = Path(__file__).resolve().parents[2]
CLOCK_S = 20.0


def check_swap(terms: SwapTerms) -> None:
    """Refuse a swap that no market could price.

    Raises:
        BadInput: Its legs are not modelled, or both its ends fall on one business day.
        RuntimeError: The process that checks has ended without an answer.
    """
    done = subprocess.run(  # noqa: S603 - this module itself  # nosec B603
        [sys.executable, "-m", __name__],
        input=msgspec.json.encode(terms),
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        timeout=CLOCK_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"the check of a swap ended with status {done.returncode}")
    fault = msgspec.json.decode(done.stdout)
    if fault is not None:
        raise BadInput(*fault)


def main() -> None:
    """Read a swap from standard input; write the arguments of the BadInput, or null."""
    from pricing.products import fixed_floating_swap_flows  # the child alone loads QuantLib

    fault = None
    try:
        fixed_floating_swap_flows.check_swap(
            msgspec.json.decode(sys.stdin.buffer.read(), type=SwapTerms)
        )
    except BadInput as error:
        fault = error.args
    sys.stdout.buffer.write(msgspec.json.encode(fault))


if __name__ == "__main__":
    main()

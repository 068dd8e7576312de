"""Publish and read scenario frames in Redis.

risk:{scenarios}:frame      the newest results, published in one step
risk:{scenarios}:number     their number: older results do not replace them
risk:{scenarios}:log:scenarios  stream: results, for limits (``risk/store/result_log.py``)
risk:{scenarios}:scheduled  exists while a run is due or under way: none else is sent
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import redis

from risk.scenarios.messages import CurrencyScenarios, ScenarioFrame
from risk.store import result_log
from risk.store.frames import key, script
from risk.store.result_log import LoggedCurrency, LoggedGroup, LoggedScenarios, Stream

PLACE = "scenarios"
"""Key part in place of a currency: all currencies have one key, because a firm's scenarios need
them all."""

TASK = "risk.scenarios.tasks.refresh"
QUEUE = "scenarios"

NOT_STORED = "not stored"
"""Name of the set of a scenario that was priced on request."""

_encode = msgspec.msgpack.Encoder().encode
_frame = msgspec.msgpack.Decoder(ScenarioFrame)


class ScenarioStore:
    """The results of all currencies, behind one Redis client."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self._set_if_newer = script(client, "set_if_newer")

    def schedule(self, every_s: float) -> bool:
        """Return whether the caller is to send a run: none was sent for so many seconds."""
        name = key(PLACE, "scheduled")
        return bool(self.client.set(name, b"1", nx=True, px=int(every_s * 1000)))

    def publish(self, frame: ScenarioFrame) -> bool:
        """Publish results; False when newer ones stand there."""
        log = Stream(result_log.SCENARIOS, "scenarios")
        keys = [key(PLACE, "number"), key(PLACE, "frame"), log.key, log.number_key]
        args = [frame.number, _encode(frame)]
        args += [result_log.encoded(logged(frame)), result_log.LENGTHS["scenarios"]]
        code, _ = self._set_if_newer(keys=keys, args=args)
        return bool(code == b"SET")

    def current(self) -> ScenarioFrame | None:
        """The newest results; None when there are none."""
        raw = self.client.get(key(PLACE, "frame"))
        return _frame.decode(raw) if raw else None


def logged(frame: ScenarioFrame) -> LoggedScenarios:
    """Return what limits need of a run."""
    return LoggedScenarios(
        number=frame.number,
        published_ns=frame.finished_ns,
        scenarios=[scenario.name for scenario in frame.scenarios],
        currencies={name: _logged(one) for name, one in frame.currencies.items()},
        unavailable=frame.unavailable,
    )


def _logged(found: CurrencyScenarios) -> LoggedCurrency:
    return LoggedCurrency(
        frame=found.frame,
        as_of=found.as_of,
        valuation_date=found.valuation_date,
        usd=found.usd,
        groups=[
            LoggedGroup(group.book, group.product, group.desk, group.trades, group.failed)
            for group in found.groups
        ],
        historical=np.frombuffer(found.historical).astype(np.float32).tobytes(),
        stress=found.stress,
    )

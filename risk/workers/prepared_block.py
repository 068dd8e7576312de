"""A block as a process prices it: by trade, with its groups, and netted. Each as plain arrays.

The arrays of ``HostCache`` hold the same bits as what they are made of.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from pricing.curves.curve_set import CurveSet
from pricing.curves.interpolation import Grid
from pricing.errors import Failure
from pricing.kernel_arrays import Flows, Tables
from pricing.measures.block import ReadyBlock
from pricing.measures.compounding.chains import Chains
from pricing.measures.compounding.netted import NettedChains, ready_chains
from pricing.measures.delivery.choice import Deliveries
from pricing.measures.delivery.netted import NettedDeliveries
from pricing.measures.groups import ReadyGroups
from pricing.measures.netting import Group, NettedBlock
from pricing.measures.next_day import NettedNextDay, ReadyNextDay
from pricing.measures.theta import Forecast
from pricing.netting_kernel import GroupedFlows, GroupedValues
from pricing.products.swaps.par_terms import ParTerms
from risk.workers.block_result import Groups
from risk.workers.host_cache import Content

Arrays = dict[str, NDArray[Any]]


class PreparedBlock(NamedTuple):
    """A block with its weights, and the book and product of each of its trades."""

    ready: ReadyBlock
    groups: Groups


class NettedPair(NamedTuple):
    """The netted flows of a block on its date, and on the day after it."""

    today: NettedBlock
    next_day: NettedNextDay


class _PreparedMeta(msgspec.Struct):
    failures: tuple[Failure, ...]
    groups: tuple[Group, ...]


class _NettedMeta(msgspec.Struct):
    today: int
    curves: tuple[str, ...]
    groups: tuple[Group, ...]
    failures: tuple[Failure, ...]
    indices: tuple[str, ...]


class TradeIds(Sequence[str]):
    """Names of trades that are read from an array of bytes when they are asked for."""

    def __init__(self, names: NDArray[np.bytes_]) -> None:
        """Names in UTF-8; shape (n,)."""
        self._names = names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return [name.decode() for name in self._names[place]]
        return bytes(self._names[place]).decode()


def pack_prepared(made: PreparedBlock) -> Content:
    """A prepared block as arrays."""
    ready, groups = made
    arrays: Arrays = {
        "trade_ids": np.array([name.encode() for name in ready.trade_ids], dtype=np.bytes_),
        "years": ready.years,
        "matured": ready.matured,
        "group": groups.place,
        "money": groups.money,
        **_of("flows", ready.flows._asdict()),
        **_of_tables("tables", ready.tables),
        **_of("unsupported", ready.unsupported),
        **_of("deliveries", ready.deliveries._asdict()),
        **_of("chains", ready.chains._asdict()),
        **_of("par", ready.par._asdict()),
    }
    meta = _PreparedMeta(ready.failures, groups.names)
    return Content(msgspec.msgpack.encode(meta), arrays)


def unpack_prepared(content: Content, grid: Grid) -> PreparedBlock:
    """The prepared block of these arrays; ``grid`` is the one that it was weighed on."""
    meta = msgspec.msgpack.decode(content.meta, type=_PreparedMeta)
    arrays = content.arrays
    ready = ReadyBlock(
        trade_ids=TradeIds(arrays["trade_ids"]),
        flows=Flows(**_within("flows", arrays)),
        years=arrays["years"],
        matured=arrays["matured"],
        unsupported=_within("unsupported", arrays),
        failures=meta.failures,
        grid=grid,
        tables=_tables("tables", arrays),
        deliveries=Deliveries(**_within("deliveries", arrays)),
        chains=Chains(**_within("chains", arrays)),
        par=ParTerms(**_within("par", arrays)),
    )
    groups = Groups(_one_of_same(meta.groups), arrays["group"], arrays["money"])
    return PreparedBlock(ready, groups)


@lru_cache(maxsize=1024)
def _one_of_same(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The first of equal groups: hundreds of blocks have the same, and keep them once."""
    return groups


def pack_netted(made: NettedPair) -> Content:
    """Netted flows as arrays."""
    today, later = made
    meta = _NettedMeta(today.today, today.curves, today.groups, today.failures, later.indices)
    arrays = {
        **_of("today", _arrays_of(today)),
        **_of("next_day", _arrays_of(later)),
        **_of("deliveries_today", today.deliveries._asdict()),
        **_of("deliveries_next_day", later.deliveries._asdict()),
        **_of("chains_today", today.chains._asdict()),
        **_of("chains_next_day", later.chains._asdict()),
    }
    return Content(msgspec.msgpack.encode(meta), arrays)


def unpack_netted(content: Content) -> NettedPair:
    """The netted flows of these arrays."""
    meta = msgspec.msgpack.decode(content.meta, type=_NettedMeta)
    named: dict[str, Any] = {"curves": meta.curves, "groups": _one_of_same(meta.groups)}
    today = NettedBlock(
        today=meta.today,
        failures=meta.failures,
        **named,
        **_within("today", content.arrays),
        deliveries=NettedDeliveries(**_within("deliveries_today", content.arrays)),
        chains=NettedChains(**_within("chains_today", content.arrays)),
    )
    later = NettedNextDay(
        today=meta.today + 1,
        indices=meta.indices,
        **named,
        **_within("next_day", content.arrays),
        deliveries=NettedDeliveries(**_within("deliveries_next_day", content.arrays)),
        chains=NettedChains(**_within("chains_next_day", content.arrays)),
    )
    return NettedPair(today, later)


def pack_ready(netted: NettedPair, today: ReadyGroups, next_day: ReadyNextDay | None) -> Content:
    """The netted flows of a part as arrays, with their numbers and weights.

    Args:
        netted: The flows.
        today: These of the date with their weights.
        next_day: Those of the next day; None where its curves cannot be made.
    """
    flows = pack_netted(netted)
    arrays: Arrays = {
        **flows.arrays,
        "years": today.years,
        **_of("flows", today.flows._asdict()),
        **_of_tables("tables", today.tables),
    }
    if next_day is not None:
        arrays |= _of("later_flows", next_day.flows._asdict())
        arrays |= _of_tables("later_tables", next_day.tables)
    return Content(flows.meta, arrays)


def unpack_ready(
    content: Content, grid: Grid, forecast: Forecast, later: Callable[[], CurveSet]
) -> tuple[NettedPair, ReadyGroups, ReadyNextDay | None]:
    """What ``pack_ready`` was given.

    Args:
        content: The arrays.
        grid: Of the date's curves, on which they were weighed.
        forecast: What forecasts the fixings of the date.
        later: Makes the curves of the next day; not called where there were none.
    """
    netted, arrays = unpack_netted(content), content.arrays
    today = ReadyGroups(
        netted=netted.today,
        grid=grid,
        flows=GroupedFlows(**_within("flows", arrays)),
        tables=_tables("tables", arrays),
        years=arrays["years"],
        choices=netted.today.deliveries.choices,
        chains=ready_chains(netted.today.chains, grid),
    )
    if "later_tables.node" not in arrays:
        return netted, today, None
    curves = later()
    next_day = ReadyNextDay(
        netted=netted.next_day,
        forecast=forecast,
        curves=curves,
        tables=_tables("later_tables", arrays),
        flows=GroupedValues(**_within("later_flows", arrays)),
        choices=netted.next_day.deliveries.choices,
        chains=ready_chains(netted.next_day.chains, curves.grid),
    )
    return netted, today, next_day


Netted = TypeVar("Netted", NettedBlock, NettedNextDay)


def _arrays_of(netted: Netted) -> Arrays:
    values = ((field.name, getattr(netted, field.name)) for field in dataclasses.fields(netted))
    return {name: value for name, value in values if isinstance(value, np.ndarray)}


def _of_tables(owner: str, tables: Tables) -> Arrays:
    """The arrays of tables; where the keys of points are their nodes, once."""
    arrays = tables._asdict()
    if np.array_equal(tables.tent, tables.node):
        del arrays["tent"]
    return _of(owner, arrays)


def _tables(owner: str, arrays: Mapping[str, NDArray[Any]]) -> Tables:
    found = _within(owner, arrays)
    return Tables(**{"tent": found["node"], **found})


def _of(owner: str, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """Arrays under names that begin with their owner's."""
    return {f"{owner}.{name}": array for name, array in arrays.items()}


def _within(owner: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The arrays of an owner."""
    names: Iterable[str] = (name for name in arrays if name.startswith(f"{owner}."))
    return {name.removeprefix(f"{owner}."): arrays[name] for name in names}

"""Net chains by group: the factors that payments compound are shared, and made once a market.

Payments of one group on one day that compound the same links add up. A factor, which is the product
of its links, is one row of a table whatever the number of groups and trades that have it; its value
and gradient are made once on each market.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.curves.interpolation import YEAR, Grid
from pricing.kernel_arrays import Tables
from pricing.measures.netted_terms import point_of
from pricing.netting_kernel import GroupGradients, number_keys

DIGITS = 12
"""Significant digits of weights and bases in the name of a factor."""


class NettedChains(NamedTuple):
    """Terms by group, day of payment and factor; and the factors, each once, by name.

    Attributes:
        group: Group of each term; shape (terms,).
        pay: Curve and day of payment (``netted_terms.point_key``).
        factor: Name of its factor.
        money: What the factor is multiplied by.
        name: Names of the factors, ascending; shape (factors,).
        ptr: First link of each, and the end; at least one each.
        start: Points at which the growth of links starts; shape (links,).
        end: Points at which it ends.
        base: Of each link.
        weight: Of each link.
        open_ptr: First fixing of each factor that is only known when theta is made, and the end.
        open_index: Place of its index among those of the netted next day.
        open_slope: A fixing of L multiplies the factor by 1 + this times L.
    """

    group: IntArray
    pay: IntArray
    factor: IntArray
    money: FloatArray
    name: IntArray
    ptr: IntArray
    start: IntArray
    end: IntArray
    base: FloatArray
    weight: FloatArray
    open_ptr: IntArray
    open_index: IntArray
    open_slope: FloatArray


_NONE, _NO_MONEY, _ONE_END = np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(1, dtype=np.int64)
NO_NETTED_CHAINS = NettedChains(
    *(_NONE, _NONE, _NONE, _NO_MONEY, _NONE, _ONE_END, _NONE, _NONE, _NO_MONEY, _NO_MONEY),
    *(_ONE_END, _NONE, _NO_MONEY),
)


def net_chains(
    dated: Any,
    key: IntArray,
    group: IntArray,
    kept: BoolArray,
    indices: Sequence[str] = (),
) -> NettedChains:
    """Net the chains of a dated block.

    Args:
        dated: A ``value_date.DatedBlock``.
        key: Curve and day of each of its points (``netted_terms.point_key``).
        group: Group of each trade.
        kept: Whether each trade is in the sums.
        indices: Those whose fixing of the valuation date is forecast, on the next day.
    """
    chains, flows = dated.chains, dated.flows
    wanted = np.flatnonzero(kept[chains.trade] & (chains.money != 0.0))
    if not len(wanted):
        return NO_NETTED_CHAINS
    links, opens = (
        _by_owner(owner, len(chains.flow)) for owner in (chains.owner, chains.open_owner)
    )
    place = {name: number for number, name in enumerate(indices)}
    start, end = key[flows.float_start[chains.link]], key[flows.float_end[chains.link]]
    pay = key[flows.float_pay[chains.flow]]
    rows: dict[int, _Factor] = {}
    names = np.empty(len(wanted), dtype=np.int64)
    for number, chain in enumerate(wanted.tolist()):
        mine, unknown = links[chain], opens[chain]
        if len(mine):
            parts = (start[mine], end[mine], chains.base[mine], chains.weight[mine])
        else:  # all is known: a factor of 1
            at = pay[chain : chain + 1]
            parts = (at, at, np.ones(1), np.zeros(1))
        named = [place[dated.block.indices[i]] for i in chains.open_index[unknown].tolist()]
        row = _Factor(*parts, np.array(named, dtype=np.int64), chains.open_slope[unknown])
        names[number] = row.name
        rows[row.name] = row
    owners = group[chains.trade[wanted]].astype(np.int64)
    return _made(owners, pay[wanted], names, chains.money[wanted], rows)


class _Factor(NamedTuple):
    """The links of a factor, and what of it is open; attributes as in ``NettedChains``."""

    start: IntArray
    end: IntArray
    base: FloatArray
    weight: FloatArray
    open_index: IntArray
    open_slope: FloatArray

    @property
    def name(self) -> int:
        """A number that its contents make."""
        text = b"".join(
            np.round(part, DIGITS).tobytes() if part.dtype == np.float64 else part.tobytes()
            for part in self
        )
        digest = hashlib.blake2b(text, digest_size=8).digest()
        return int.from_bytes(digest, "little", signed=True)


def _by_owner(owner: IntArray, owners: int) -> list[IntArray]:
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.searchsorted(owner[order], np.arange(1, owners)))


def _made(
    group: IntArray, pay: IntArray, factor: IntArray, money: FloatArray, rows: dict[int, _Factor]
) -> NettedChains:
    """Add terms of the same group, day and factor; lay out the factors by name."""
    terms, place = np.unique(np.stack([group, pay, factor]), axis=1, return_inverse=True)
    added = np.bincount(place.reshape(-1), weights=money, minlength=terms.shape[1])
    ordered = sorted(rows)
    parts = [rows[name] for name in ordered]
    joined = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _Factor._fields}
    return NettedChains(
        group=terms[0],
        pay=terms[1],
        factor=terms[2],
        money=np.asarray(added, dtype=np.float64),
        name=np.array(ordered, dtype=np.int64),
        ptr=np.cumsum([0, *(len(part.start) for part in parts)]),
        open_ptr=np.cumsum([0, *(len(part.open_index) for part in parts)]),
        **joined,
    )


def merge_chains(parts: Sequence[NettedChains], places: Sequence[IntArray]) -> NettedChains:
    """Add those of several blocks.

    Args:
        parts: Of each block.
        places: By block, the place of each of its groups among all groups.
    """
    some = [(part, place) for part, place in zip(parts, places, strict=True) if len(part.group)]
    if not some:
        return NO_NETTED_CHAINS
    rows: dict[int, _Factor] = {}
    for part, _ in some:
        for number, name in enumerate(part.name.tolist()):
            links = slice(part.ptr[number], part.ptr[number + 1])
            unknown = slice(part.open_ptr[number], part.open_ptr[number + 1])
            rows[name] = _Factor(
                *(getattr(part, column)[links] for column in _Factor._fields[:4]),
                *(getattr(part, column)[unknown] for column in _Factor._fields[4:]),
            )
    group = np.concatenate([place[part.group] for part, place in some]).astype(np.int64)
    pay, factor, money = (
        np.concatenate([getattr(part, name) for part, _ in some])
        for name in ("pay", "factor", "money")
    )
    return _made(group, pay, factor, money, rows)


@dataclass(frozen=True)
class NumberedChains:
    """Netted chains, numbered for the market.

    Attributes:
        netted: The terms and factors.
        point: Curve and day of each point that they depend on (``netted_terms.point_key``).
        pay: Point of payment of each term.
        start: Point at which the growth of each link starts.
        end: Point at which it ends.
        factor: Place of the factor of each term.
        owner: Place of the factor of each link.
    """

    netted: NettedChains
    point: IntArray
    pay: IntArray
    start: IntArray
    end: IntArray
    factor: IntArray
    owner: IntArray

    @property
    def points(self) -> tuple[IntArray, IntArray]:
        """Curve and day of each point."""
        return point_of(self.point)

    def _links(self, discount: FloatArray) -> FloatArray:
        """The links on several markets; shape (links, columns)."""
        growth = discount[self.start] / discount[self.end]
        return np.asarray(self.netted.base[:, None] + self.netted.weight[:, None] * growth)

    def _terms(self, discount: FloatArray, links: FloatArray) -> FloatArray:
        """Values of the terms; shape (terms, columns)."""
        factor = np.multiply.reduceat(links, self.netted.ptr[:-1], axis=0)
        return np.asarray(self.netted.money[:, None] * factor[self.factor] * discount[self.pay])

    def values(
        self, discount: FloatArray, groups: int, rates: FloatArray | None = None
    ) -> FloatArray:
        """Value of every group; shape (groups, columns).

        Args:
            discount: Discount factors of the points; shape (points, columns).
            groups: Number of groups.
            rates: Of the indices whose fixings are open, decimal per year.
        """
        found = np.zeros((groups, discount.shape[1]))
        if not len(self.factor):
            return found
        terms = self._terms(discount, self._links(discount))
        if rates is not None:
            terms *= self._opened(rates)[self.factor, None]
        np.add.at(found, self.netted.group, terms)
        return found

    def _opened(self, rates: FloatArray) -> FloatArray:
        """Return what the open fixings make of each factor."""
        netted = self.netted
        made = np.ones(len(netted.name))
        owner = np.repeat(np.arange(len(made)), np.diff(netted.open_ptr))
        np.multiply.at(made, owner, 1.0 + netted.open_slope * rates[netted.open_index])
        return made


def number_chains(netted: NettedChains) -> NumberedChains:
    """Number the points of netted chains."""
    point, place = number_keys(np.concatenate((netted.pay, netted.start, netted.end)))
    terms, links = len(netted.pay), len(netted.start)
    return NumberedChains(
        netted=netted,
        point=point,
        pay=place[:terms],
        start=place[terms : terms + links],
        end=place[terms + links :],
        factor=np.searchsorted(netted.name, netted.factor),
        owner=np.repeat(np.arange(len(netted.name)), np.diff(netted.ptr)),
    )


NO_TABLES = Tables(
    np.zeros((0, 2), dtype=np.int64),
    np.zeros((0, 2)),
    np.zeros((0, 2), dtype=np.int64),
    np.zeros((0, 2)),
)


@dataclass(frozen=True)
class ReadyChains:
    """Numbered chains with their weights on a grid."""

    chains: NumberedChains
    tables: Tables

    @property
    def is_empty(self) -> bool:
        """Return whether there are none."""
        return not len(self.chains.factor)

    def at(self, grid: Grid, x: FloatArray) -> ReadyChains:
        """Return the chains with their weights at log node values ``x``, which gradients need."""
        return ReadyChains(self.chains, grid.tables_at(self.tables, x))

    def add_gradients(
        self, found: GroupGradients, discount: FloatArray, today: int
    ) -> GroupGradients:
        """Add values, values at moved quotes, and gradients of the chains to those of groups.

        Args:
            found: Of all groups.
            discount: Discount factors of the chains' points; shape (points, 3).
            today: Day number of the valuation date.
        """
        chains, netted = self.chains, self.chains.netted
        links = chains._links(discount)
        terms = chains._terms(discount, links)
        growth = discount[chains.start, 0] / discount[chains.end, 0]
        move = netted.weight * growth / links[:, 0]
        leg_npv, up, down = found.leg_npv.copy(), found.value_up.copy(), found.value_down.copy()
        slope, node, tent = found.spread_slope.copy(), found.node.copy(), found.tent.copy()
        paid, group = terms[:, 0], netted.group
        np.add.at(leg_npv[:, 1], group, paid)
        np.add.at(up, group, terms[:, 1])
        np.add.at(down, group, terms[:, 2])
        years = (chains.points[1] - today) / YEAR
        np.add.at(slope, group, -years[chains.pay] * paid)
        for out, place, weight in (
            (node, self.tables.node, self.tables.node_weight),
            (tent, self.tables.tent, self.tables.tent_weight),
        ):
            of_factor = np.zeros((len(netted.name), out.shape[1]))
            for points, sign in ((chains.start, 1.0), (chains.end, -1.0)):
                moved = sign * move[:, None] * weight[points]
                np.add.at(of_factor, (chains.owner[:, None], place[points]), moved)
            np.add.at(out, group, paid[:, None] * of_factor[chains.factor])
            at_payment = paid[:, None] * weight[chains.pay]
            np.add.at(out, (group[:, None], place[chains.pay]), at_payment)
        return found._replace(
            leg_npv=leg_npv,
            value_up=up,
            value_down=down,
            spread_slope=slope,
            node=node,
            tent=tent,
        )


def ready_chains(netted: NettedChains, grid: Grid) -> ReadyChains:
    """Number netted chains, and weigh their points on a grid of the same date."""
    chains = number_chains(netted)
    return ReadyChains(chains, grid.tables(*chains.points) if len(chains.point) else NO_TABLES)

"""Streaming cells of Live Risk for xlwings Lite: paste into its editor in Excel.

    =LIVE_RISK("https://risk.example", "USD", "npv")
    =LIVE_RISK("https://risk.example", "USD", "ladder_par.USD-SOFR.10Y")

The token is the environment variable LIVE_RISK_TOKEN of xlwings Lite. The cell changes with each
frame that is published, and says why when there is no number. See docs/excel.md for the limits.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

try:
    from xlwings import func
except ImportError:  # outside Excel, as in tests

    def func(function: Any) -> Any:
        """Leave the function as it is."""
        return function


AGAIN_S, LONGEST_S = 0.5, 30.0


async def events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str, dict]]:
    """Id, name and data of each server-sent event; comments and what is not whole are passed."""
    event_id, name, data = "", "message", []
    async for line in lines:
        if not line:
            if data:
                yield event_id, name, json.loads("\n".join(data))
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            event_id = value
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def number_of(answer: dict, measure: str) -> float | str:
    """A number of the one group of an event: a measure, or a bucket as ladder.CURVE.TENOR."""
    if not answer["groups"]:
        return "no trades"
    found = answer["groups"][0]
    for key in measure.split("."):
        if not isinstance(found, dict) or key not in found:
            return f"no {key} in {measure}"
        found = found[key]
    return "no number: see unavailable in REST" if found is None else found


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Lines of a stream of bytes, however it is cut."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()


async def fetched(url: str, token: str, last_id: str) -> AsyncIterator[bytes]:
    """The bytes of the stream, by the browser that xlwings Lite runs in."""
    from pyodide.http import pyfetch

    headers = {"Authorization": f"Token {token}", "Accept": "text/event-stream"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    answer = await pyfetch(url, headers=headers)
    if answer.status != 200:
        raise OSError(f"{answer.status}: {(await answer.json())['detail']}")
    reader = answer.js_response.body.getReader()
    while not (part := await reader.read()).done:
        yield part.value.to_bytes()


@func
async def live_risk(url: str, currency: str, measure: str) -> AsyncIterator[float | str]:
    """A number of a currency's newest frame; it changes by itself."""
    address = f"{url.rstrip('/')}/api/v1/stream/risk/?currency={currency}"
    token, last_id, wait_s = os.environ.get("LIVE_RISK_TOKEN", ""), "", AGAIN_S
    while True:
        try:
            async for event_id, name, data in events(lines_of(fetched(address, token, last_id))):
                if name == "risk":
                    last_id, wait_s = event_id, AGAIN_S
                    yield number_of(data, measure)
        except OSError as error:
            yield str(error)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_S)

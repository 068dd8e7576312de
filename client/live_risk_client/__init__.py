"""A typed Python client of the Live Risk REST API."""

from live_risk_client.client import Client
from live_risk_client.decisions import Hedge, WhatIf
from live_risk_client.errors import ApiError, Unreachable
from live_risk_client.stream import Frame
from live_risk_client.table import Table

__all__ = ("ApiError", "Client", "Frame", "Hedge", "Table", "Unreachable", "WhatIf")

"""Tables of what risk is measured against and decided on: scenarios, limits, what-if sets."""

from instruments.models.control.limit import Limit, TemporaryLimit
from instruments.models.control.scenario_shock import ScenarioShock
from instruments.models.control.what_if_set import SetStatus, WhatIfSet

__all__ = ("Limit", "ScenarioShock", "SetStatus", "TemporaryLimit", "WhatIfSet")

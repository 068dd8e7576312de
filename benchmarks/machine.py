"""Describe the machine that a benchmark ran on, and how busy it was."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("QuantLib", "numba", "numpy", "celery", "kombu", "redis", "kafka-python", "msgspec")


def machine() -> dict[str, Any]:
    """Processor, cores, memory, versions, and the load when asked."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "load_average": load_average(),
    }


def processor() -> str:
    """Model name, as the kernel tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def load_average() -> float:
    """Return the load of the last minute; above the number of cores, processes wait."""
    return round(os.getloadavg()[0], 2)

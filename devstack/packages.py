"""Find the folder of an installed package without importing it."""

from importlib import util
from pathlib import Path


def folder_of(package: str) -> Path | None:
    """Return the folder of an importable package, or None when it is not installed."""
    spec = util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))

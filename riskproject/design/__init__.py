"""The design tokens of ``tokens.toml`` for pages that Django draws: the login and the admin."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

DESIGN: dict[str, Any] = tomllib.loads(Path(__file__).with_name("tokens.toml").read_text())


def css_variables() -> str:
    """Colours as variables of a style sheet; each follows the theme that the browser prefers."""
    dark, light = DESIGN["dark"], DESIGN["light"]
    names = [name for name in dark if name != "series"]
    pairs = (f"--{name}: light-dark({light[name]}, {dark[name]});" for name in names)
    return f":root {{ color-scheme: light dark; {' '.join(pairs)} }}"

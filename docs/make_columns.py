"""Write docs/columns.md: every column of every file, as the importer reads it.

python -m docs.make_columns
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import django

from docs.make_contents import with_contents

PAGE = Path(__file__).resolve().parent / "columns.md"
HEAD = """# Columns of files

Look up here what a column of a file of trades or static data means, whether it is required, and
which values it takes. [loading.md](loading.md) explains how files are loaded. Every file may also
have the column `version`, which exports contain: a row that another user has changed since the
export is then refused.

`python -m docs.make_columns` writes this page from the importer's own tables; do not edit it.
"""


def page() -> str:
    """The whole page."""
    from instruments.loading import KINDS  # Django's models: not before its set-up

    return with_contents(HEAD + "".join(_section(kind) for kind in KINDS.values()))


def _section(kind: Any) -> str:
    rows = "".join(
        f"| `{column.name}` | {required} | {_cell(column.meaning)} | {_cell(column.allowed)} |\n"
        for column, required in kind.described()
    )
    named = " and ".join(f"`{name}`" for name in kind.key)
    example = "\n".join((",".join(kind.example), ",".join(kind.example.values())))
    return (
        f"\n## {kind.name}\n\nThe key of a row is {named}.\n\n"
        "| column | required | meaning | allowed |\n|---|---|---|---|\n"
        f"{rows}\n```\n{example}\n```\n"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")
    django.setup()
    PAGE.write_text(page())

#!/usr/bin/env python
"""Commands of the project: ``python manage.py help``."""

import os
import sys


def main() -> None:
    """Run one command; what its caller can repair ends with one sentence, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    if "--traceback" in sys.argv:
        execute_from_command_line(sys.argv)
        return
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        reason = " ".join(str(error).split())
        sys.exit(f"The database of DATABASE_URL refused: {reason}")


if __name__ == "__main__":
    main()

"""Write QuantLib's holidays to the file that ``pricing/markets/calendars.py`` reads.

``python -m pricing.products.make_holidays``: once for each version of QuantLib, and when a calendar
is added to the vocabulary. The file is the same to the byte when nothing has changed.
"""

from __future__ import annotations

import numpy as np
import QuantLib as ql

from pricing.arrays import IntArray
from pricing.limits import FIRST_DATE, LAST_DATE
from pricing.markets import calendars, vocabulary
from pricing.products import schedules


def holidays_of(name: str) -> IntArray:
    """Day numbers of QuantLib's holidays from Monday to Friday, on all dates that can be priced."""
    first, last = (ql.Date(d.day, d.month, d.year) for d in (FIRST_DATE, LAST_DATE))
    found = schedules.calendar(name).holidayList(first, last, False)
    return np.array([schedules.day_number(day) for day in found], dtype=np.int32)


def main() -> None:
    """Write the holidays of every calendar of the vocabulary."""
    stored = {name: holidays_of(name) for name in vocabulary.CALENDARS}
    np.savez_compressed(calendars.HOLIDAYS, **stored)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

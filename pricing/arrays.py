"""Names of the array types that the pricing library uses."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.integer[Any]]
RecordArray = npt.NDArray[np.void]
BoolArray = npt.NDArray[np.bool_]
SingleArray = npt.NDArray[np.float32]

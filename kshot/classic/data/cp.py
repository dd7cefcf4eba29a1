"""The ten Pokemon of the lecture "Regression: Case Study": combat power (CP) before evolution and after."""

from __future__ import annotations

import numpy as np

from kshot.classic.data.inputs import Array

BEFORE = (338.0, 333.0, 328.0, 207.0, 226.0, 25.0, 179.0, 60.0, 208.0, 606.0)
AFTER = (640.0, 633.0, 619.0, 393.0, 428.0, 27.0, 193.0, 66.0, 226.0, 1591.0)


def load_cp() -> tuple[Array, Array]:
    """CP before evolution as the one column of X, (10, 1), and after it as y, (10,)."""
    return np.array(BEFORE)[:, None], np.array(AFTER)

"""Services: which of them cover which."""

import numpy as np
import pytest

from engine.services import covers


@pytest.mark.parametrize(("rows", "columns", "often"), [(1, 1, 1.0), (3, 64, 0.9), (40, 65, 0.02), (70, 7, 0.5)])
def test_covers__as_sets_do(rows, columns, often):
    holds = (np.random.default_rng(rows).random((rows, columns)) < often).astype(np.uint8)
    sets = [set(np.flatnonzero(row).tolist()) for row in holds]
    assert covers(holds).tolist() == [[int(other <= one) for other in sets] for one in sets]

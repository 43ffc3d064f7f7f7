"""What is measured unless told otherwise.

Flow: usual -> arguments (help), command.
"""

from __future__ import annotations

from bassnet_osc.spec import USUAL_RATE

SESSIONS, BLOCKS, RATES = (1, 4), (256, 480), (USUAL_RATE,)  # of the table's rows; samples, Hz
FIND_BLOCK = 256  # samples: the Python client's, where sessions are looked for
ROW_S, FIND_S = 10.0, 60.0  # seconds that count of a row, and of one where sessions are looked for


def listed(numbers: tuple[int, ...]) -> str:
    """As the options are written."""
    return ",".join(map(str, numbers))

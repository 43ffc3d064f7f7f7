"""What is measured unless told otherwise.

Flow: usual -> arguments (help), command.
"""

from __future__ import annotations

from bassnet_osc.spec import USUAL_RATE

SESSIONS, BLOCKS, RATES = (1, 4), (256, 480), (USUAL_RATE,)  # of the table's rows; samples, Hz
FIND_BLOCK = 480  # samples, where sessions are looked for: 10 ms at the usual rate
ROW_S, FIND_S = 10.0, 60.0  # seconds that count of a row, and of one where sessions are looked for


def listed(numbers: tuple[int, ...]) -> str:
    """As the options are written."""
    return ",".join(map(str, numbers))

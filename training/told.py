"""A command whose answer is one Markdown text: printed, and written whole or not at all.

Flow: bassnet_osc.audio_files ◀ told ◀ sweep, trade, heard.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from bassnet_osc.audio_files import check_output, whole
from bassnet_osc.spec import BassNetError


def tell(make: Callable[[], str], out: Path | None) -> int:
    """Prints the text that `make` gives and writes it to `out` where that is named; returns the exit status.

    A place that cannot be written to is refused before `make` begins, since that may take an hour.
    """
    try:
        if out is None:
            text = make()
        else:
            check_output(out, [])
            with whole(out) as part:
                text = make()
                part.write_text(text, encoding="utf-8")
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"songs must be readable, --out writable; {error}: mend it and start again\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; nothing was written\n")
        return 130
    sys.stdout.write(text)
    return 0

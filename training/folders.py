"""A folder of results gives way to a newer one.

Flow: folders ◀ listen, export.to_onnx.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def replace_folder(new: Path, target: Path) -> None:
    """Moves `new` to `target`; what was there lies beside it as .NAME-old until then, whatever happens."""
    old = target.with_name(f".{target.name}-old")
    try:
        if target.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(target, old)
        os.rename(new, target)
    finally:
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            os.rename(old, target)

"""New front ends for bundles that exist: frontend.onnx is exported again, all else stays byte for byte.

    python -m export.front_ends bassnet_osc/models/*

A front end follows from the spec alone, so no checkpoint is needed. Each bundle is replaced whole, or not at
all if the new frames differ from training.cqt's (exit status 1); those before it in the list remain new.

Flow: to_onnx, parity ◀ front_ends.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bassnet_osc.bundle import Bundle, read_card, read_graph
from bassnet_osc.spec import FRONTEND, BassNetError, Spec
from export.parity import ParityError, check, frontend_parity, report
from export.to_onnx import write_frontend
from training.cqt import Cqt
from training.folders import replace_folder


def renew(folder: Path) -> str:
    """Replaces a bundle's front end and its sha256 in model.json; returns a report.

    Raises BassNetError where there is no whole bundle, ParityError where the frames differ.
    """
    card, spec = read_card(folder)
    n_before = len(read_graph(folder, FRONTEND, card))
    folder = folder.resolve()  # where a link leads, and . has a name
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        shutil.copytree(folder, partial, dirs_exist_ok=True)
        _replace_frontend(partial, spec, card["graphs"][FRONTEND])
        errors = frontend_parity(Cqt(spec.cqt).eval(), Bundle(partial, provider="cpu"))
        check(errors)
        n_after = (partial / FRONTEND).stat().st_size
        replace_folder(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return f"{report(errors)}  {n_before:,} -> {n_after:,} bytes  {folder.name}"


def _replace_frontend(folder: Path, spec: Spec, old_hash: str) -> None:
    write_frontend(folder, spec)
    new_hash = sha256(folder / FRONTEND)
    card = (folder / "model.json").read_bytes()
    (folder / "model.json").write_bytes(card.replace(old_hash.encode(), new_hash.encode()))


def sha256(path: Path) -> str:
    """As model.json tells it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m export.front_ends", description="Export front ends again."
    )
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE", help="folder of a bundle")
    args = parser.parse_args(arguments)
    try:
        for folder in args.bundles:
            print(renew(folder))
    except BassNetError as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, ParityError) else 2
    except OSError as error:
        sys.stderr.write(f"bundles must be writable and have space; {error}: mend it and start again\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the bundle it was at is as before\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

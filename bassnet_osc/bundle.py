"""A model bundle: a folder on disk -> ONNX Runtime sessions.

    frontend.onnx  audio (batch, n_samples) -> frames (batch, n_frames, n_bins)
    decoder.onnx   mix (batch, b, n_bins), z (batch, 2) -> f0, level, onset
    encoder.onnx   mix, bass -> mu, log_var
    factors.onnx, decoder_z.onnx   the decoder in two halves: less work for a stream (may be missing)
    model.json     format, spec, graphs with their sha256, metrics, z_places, trained_on, licence

Every hash is checked before a graph is loaded, and the spec inside each graph must be the card's.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from bassnet_osc.frames import Block
from bassnet_osc.providers import CPU, Provider, first_line
from bassnet_osc.runner import Runner
from bassnet_osc.spec import (
    DECODER,
    DECODER_Z,
    DEFAULT_MODEL,
    ENCODER,
    FACTORS,
    FORMAT,
    FRONTEND,
    GRAPHS,
    MAX_ROWS,
    BassNetError,
    Spec,
)

MODELS = Path(__file__).parent / "models"
DEFAULT = DEFAULT_MODEL
DEFAULT_FOR_FILES = "groove-studio"  # hears what is to come as well


def installed() -> list[str]:
    """Names of the shipped bundles."""
    return sorted(path.parent.name for path in MODELS.glob("*/model.json"))


def find(name: str) -> Path:
    """Folder of an installed bundle, or of one named by its path."""
    path = MODELS / name if name in installed() else Path(name)
    if not (path / "model.json").is_file():
        raise BassNetError(
            f"model must be an installed name ({', '.join(installed()) or 'none'}) or a bundle's folder; got "
            f"{name!r}: see `bassnet models`"
        )
    return path


def read_card(folder: Path) -> tuple[dict[str, Any], Spec]:
    """model.json and its spec, checked; raises BassNetError naming what is damaged."""
    try:
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BassNetError(f"{folder}/model.json must be readable JSON; {error}: export again") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        got = card.get("format") if isinstance(card, dict) else card
        raise BassNetError(f"{folder}: bundle format must be {FORMAT}; got {got!r}: export again")
    if missing := {"name", "spec", "graphs", "z_places", "trained_on", "licence"} - set(card):
        raise BassNetError(f"{folder}/model.json lacks {sorted(missing)}: export again")
    if not isinstance(card["graphs"], dict) or not isinstance(card["name"], str):
        raise BassNetError(f"{folder}/model.json: graphs must be hashes by file name: export again")
    return card, Spec.from_dict(card["spec"])


def read_places(folder: Path, card: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """The named points of the latent plane."""
    try:
        return {str(name): (float(x), float(y)) for name, (x, y) in card["z_places"].items()}
    except (AttributeError, TypeError, ValueError):
        raise BassNetError(
            f"{folder}/model.json: z_places must be names with two numbers: export again"
        ) from None


def read_graph(folder: Path, name: str, card: dict[str, Any]) -> bytes:
    """A graph's bytes, if they are the ones that were exported."""
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise BassNetError(f"bundle {folder} lacks {name} ({error.strerror}): install it again") from error
    if hashlib.sha256(data).hexdigest() != card["graphs"].get(name):
        raise BassNetError(f"{folder / name}: sha256 differs from model.json: damaged, install it again")
    return data


class Bundle:
    """A loaded model; implements stream.Model."""

    def __init__(self, folder: Path, provider: str = "auto", threads: int = 1) -> None:
        """Raises BassNetError where the bundle is missing, damaged or of other numbers."""
        import onnxruntime

        self.card, self.spec = read_card(folder)
        self.name: str = self.card["name"]
        self.z_places = read_places(folder, self.card)
        self._folder, self._threads = folder, threads
        onnxruntime.disable_telemetry_events()  # it keeps a file of them in the user's home
        self.runs_on = Provider(provider)
        self._frontend = self._session(FRONTEND, threads=1)  # too small a job to be shared
        self._decoder = self._session(DECODER, threads)
        # Half the work for what a stream usually asks for; older bundles have the decoder alone.
        is_cut = {FACTORS, DECODER_Z} <= self.card["graphs"].keys()
        self._halves = [self._session(name, threads) for name in (FACTORS, DECODER_Z)] if is_cut else None
        read_graph(folder, ENCODER, self.card)  # whole or refused, though the stream does not need it
        self._encoder: Runner | None = None  # loaded when asked for

    @staticmethod
    def load(name: str = DEFAULT, provider: str = "auto", threads: int = 1) -> Bundle:
        """An installed bundle by name, or any by its folder."""
        return Bundle(find(name), provider, threads)

    def _session(self, name: str, threads: int) -> Runner:
        import onnxruntime

        data = read_graph(self._folder, name, self.card)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads steal the core that the client and the driver need, and make the p99 jump.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = self.runs_on.open(data, options)
        except Exception as error:  # ONNX Runtime's own classes share no base but this one
            raise BassNetError(
                f"{self._folder / name} must be a graph that ONNX Runtime can load; {first_line(error)}: "
                "export again"
            ) from error
        inside = Spec.from_json(session.get_modelmeta().custom_metadata_map.get("spec", "{}"))
        if differences := self.spec.differences(inside):
            raise BassNetError(
                f"{self._folder / name} was exported with another spec than model.json "
                f"({'; '.join(differences)}): export again"
            )
        names = tuple(i.name for i in session.get_inputs()), tuple(o.name for o in session.get_outputs())
        if names != GRAPHS[name]:
            raise BassNetError(
                f"{self._folder / name}: inputs and outputs must be {GRAPHS[name]}; got {names}: export again"
            )
        return Runner(session, self.runs_on)

    @property
    def z_home(self) -> tuple[float, float]:
        """Where z starts: the first of the named places, since the origin lies between patterns."""
        return next(iter(self.z_places.values()), (0.0, 0.0))

    @property
    def fingerprint(self) -> str:
        """The same for bundles of the same graphs."""
        return hashlib.sha256(json.dumps(self.card["graphs"], sort_keys=True).encode()).hexdigest()[:16]

    @property
    def provider(self) -> str:
        """The provider in use, in ONNX Runtime's words."""
        return str(self._decoder.session.get_providers()[0])

    def frontend(self, audio: Block) -> Block:
        """CQT frames (n_frames, n_bins) of audio (n_samples,); frame i lies at sample left + hop i."""
        (frames,) = self._frontend.run(audio[None])
        return np.asarray(frames[0])

    def decode(self, mix: Block, z: Block) -> tuple[Block, Block, Block]:
        """f0 probabilities (batch, b, n_bins), level and onset (batch, b) in [0, 1].

        Shape: mix (batch, b, n_bins), z (batch, latent_dim).
        """
        f0, level, onset = self._decoder.run(mix, z)
        return f0, level, onset

    def factors(self, mix: Block, used: range) -> Block:
        """The mix's factors (batch, ...) of windows (batch, b, n_bins) whose frames `used` are wanted.

        Where these are more than the graphs in two halves put out, it is the windows themselves.
        """
        if self._halves is None or not self._is_usual(used):
            return mix
        (factors,) = self._halves[0].run(mix)
        return factors

    def decode_factors(self, factors: Block, z: Block, used: range) -> tuple[Block, Block, Block]:
        """As `decode`, of the frames `used`. Shape: factors (batch or 1, ...), z (batch, latent_dim)."""
        if self._halves is None or not self._is_usual(used):
            mix = np.repeat(factors, len(z) // len(factors), axis=0)
            f0, level, onset = (output[:, used.start : used.stop] for output in self.decode(mix, z))
            return f0, level, onset
        f0, level, onset = self._halves[1].run(factors, z)
        first = used.start - self.spec.window.used.start
        return f0[:, first:], level[:, first:], onset[:, first:]

    def _is_usual(self, used: range) -> bool:
        """Whether the frames are among those that the bundle's own taper uses."""
        usual = self.spec.window.used
        return usual.start <= used.start and used.stop == usual.stop

    def encode(self, mix: Block, bass: Block) -> tuple[Block, Block]:
        """mu and log sigma^2 (batch, latent_dim) of windows (batch, b, n_bins): the z of an existing bass."""
        if self._encoder is None:
            self._encoder = self._session(ENCODER, self._threads)
        mu, log_var = self._encoder.run(mix, bass)
        return mu, log_var

    def warm_up(self) -> None:
        """Runs every graph of the stream, with as many rows as may come: the first run allocates.

        Other devices choose their kernels anew for each number of rows, so they run them all.
        """
        cqt, window = self.spec.cqt, self.spec.window
        audio = np.zeros(cqt.left + cqt.right + window.hop * cqt.hop_length, dtype=np.float32)
        self.frontend(audio)
        for n_rows in (MAX_ROWS, 1) if self.runs_on.name == CPU else range(MAX_ROWS, 0, -1):
            mix = np.zeros((n_rows, window.window_frames, cqt.n_bins), dtype=np.float32)
            z = np.zeros((n_rows, self.spec.model.latent_dim), dtype=np.float32)
            self.decode_factors(self.factors(mix, window.used), z, window.used)

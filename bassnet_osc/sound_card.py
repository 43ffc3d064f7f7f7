"""PortAudio's side of the sound-card door: which devices there are, and a duplex stream of two of them.

Flow: cli -> sound_card -> sounddevice; server -> SoundCard.play -> device's callback. sounddevice (extra
`device`) is imported when it is asked for something.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bassnet_osc.audio_wire import MAX_BLOCK
from bassnet_osc.hello import MIN_BLOCK
from bassnet_osc.resample import HIGHEST_RATE, LOWEST_RATE
from bassnet_osc.spec import BassNetError

SIDES = ("input", "output")
DEFAULT = "default"  # in place of a name or an index
# The first ones of a device: PulseAudio's and ALSA's own claim 32 and more, of which most would be empty and
# the mean all but silent.
MAX_CHANNELS = 2
CLOSE_S = 2.0  # seconds that PortAudio has to close a stream


def listing() -> list[tuple[str, ...]]:
    """Rows of cells, the heading first: every device that PortAudio finds, the defaults marked."""
    sd = _sounddevice()
    apis = [api["name"] for api in sd.query_hostapis()]
    defaults = dict(zip(("in", "out"), sd.default.device, strict=True))
    rows: list[tuple[str, ...]] = [
        ("index", "name", "host API", "in", "out", "rate", "latency in/out", "default")
    ]
    for device in sd.query_devices():
        ms = [1e3 * device[f"default_low_{side}_latency"] for side in ("input", "output")]
        marks = [side for side, index in defaults.items() if index == device["index"]]
        rows.append(
            (
                str(device["index"]),
                device["name"],
                apis[device["hostapi"]],
                str(device["max_input_channels"]),
                str(device["max_output_channels"]),
                f"{device['default_samplerate']:.0f} Hz",
                " / ".join(f"{one:.1f}" for one in ms) + " ms",
                " and ".join(marks),
            )
        )
    return rows


@dataclass(frozen=True)
class SoundCard:
    """Two devices of one host API, or one device, that can play and record at this rate."""

    devices: tuple[int, int]  # in and out, as PortAudio counts them
    names: tuple[str, str]
    channels: tuple[int, int]
    sample_rate: int
    block_size: int

    @staticmethod
    def find(words: str, block_size: int) -> SoundCard:
        """`words`: the input's index or name, a comma, the output's; or one for both, or `default`.

        The rate is the output's own. BassNetError where there are none such, or they do not go together.
        """
        if not MIN_BLOCK <= block_size <= MAX_BLOCK:
            raise BassNetError(
                f"--block must be {MIN_BLOCK} to {MAX_BLOCK} samples; got {block_size}: take one between"
            )
        sd = _sounddevice()
        is_name = any(words == device["name"] for device in sd.query_devices())  # ALSA's have commas
        names = [words] if is_name else [word.strip() for word in words.split(",")]
        if len(names) > 2 or not all(names):
            raise BassNetError(
                f"--device must be IN,OUT or one device for both; got {words!r}: of a name with a comma, "
                "give a part without it, or the index that `bassnet devices` shows"
            )
        source, sink = (_device(sd, n, kind) for n, kind in zip((names[0], names[-1]), SIDES, strict=True))
        card = SoundCard(
            (source["index"], sink["index"]),
            (source["name"], sink["name"]),
            (
                min(MAX_CHANNELS, source["max_input_channels"]),
                min(MAX_CHANNELS, sink["max_output_channels"]),
            ),
            round(sink["default_samplerate"]),
            block_size,
        )
        card._check(sd)
        return card

    def _check(self, sd: Any) -> None:
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise BassNetError(
                f"the sound card's rate must be {LOWEST_RATE} to {HIGHEST_RATE} Hz; got {self.sample_rate}: "
                "set another one in the system"
            )
        for kind, device, n_channels in zip(SIDES, self.devices, self.channels, strict=True):
            check = getattr(sd, f"check_{kind}_settings")
            with self._refusals(sd):
                check(device=device, channels=n_channels, dtype="float32", samplerate=self.sample_rate)

    @contextlib.contextmanager
    def play(self, callback: Callable[..., None]) -> Iterator[dict[str, Any]]:
        """Runs the duplex stream meanwhile; yields what it says of itself: names, and its latency in ms.

        BassNetError where it cannot be opened.
        """
        sd = _sounddevice()
        with contextlib.ExitStack() as ends:
            with self._refusals(sd):
                stream = sd.Stream(
                    samplerate=self.sample_rate,
                    blocksize=self.block_size,
                    device=self.devices,
                    channels=self.channels,
                    dtype="float32",
                    latency="low",
                    callback=callback,
                )
                ends.callback(_close, sd, stream)
                stream.start()
            input_s, output_s = stream.latency
            yield {
                "input": self.names[0],
                "output": self.names[1],
                "input_ms": 1e3 * input_s,
                "output_ms": 1e3 * output_s,
            }

    @contextlib.contextmanager
    def _refusals(self, sd: Any) -> Iterator[None]:
        """Turns PortAudio's refusals into ours."""
        try:
            yield
        except (sd.PortAudioError, ValueError) as error:
            raise BassNetError(
                f"--device must be two devices of one host API, free and at one rate; got {self.names[0]!r} "
                f"and {self.names[1]!r} at {self.sample_rate} Hz ({_one_line(error)}): see `bassnet devices`"
            ) from None


def _close(sd: Any, stream: Any) -> None:
    """Ends the stream, at once; PortAudio may wait for a lost card for ever, and is left alone then."""
    closing = threading.Thread(target=stream.close, name="sound card's end", daemon=True)
    closing.start()
    closing.join(CLOSE_S)
    if closing.is_alive():
        atexit.unregister(sd._exit_handler)  # which would wait in its turn, and no command ended then


def _device(sd: Any, name: str, kind: str) -> Any:
    """PortAudio's word on the device; BassNetError where there is none such, or more than one."""
    key = None if name == DEFAULT else int(name) if name.isdecimal() else name
    try:
        return sd.query_devices(key, kind)
    except (ValueError, OverflowError, sd.PortAudioError) as error:  # no such; no number of C
        raise BassNetError(
            f"--device must name an {kind} that is there; got {name!r} ({_one_line(error)}): see "
            "`bassnet devices`"
        ) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the package is missing, or PortAudio itself
        raise BassNetError(
            f"sound cards need sounddevice and PortAudio; {_one_line(error)}: pip install "
            "'bassnet-osc[device]', and on Debian apt-get install libportaudio2"
        ) from None
    return sounddevice

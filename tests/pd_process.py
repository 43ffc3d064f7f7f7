"""Pure Data in a process of its own, with bassnet.pd and a rig that plays, records and is told what to do.

Flow: tests, pd_report -> PdProcess -> pd (bassnet.pd, rig.pd) -> UDP -> server; back over the rig's TCP line.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import soundfile
from server_process import STOP_S, wait_for

from bassnet_osc.audio_files import Audio
from bassnet_osc.spec import HOST, PORT
from max_patch.pd_text import Box, Canvas, patch_text

PATCH = Path(__file__).parents[1] / "max_patch" / "bassnet.pd"
PD = ("pd", "-nogui", "-noprefs", "-nomidi", "-noaudio", "-sleepgrain", "1", "-stderr")
ORDER = ("recorder.pd", "bassnet.pd", "player.pd")  # Pd computes what was opened last first
START_S = 20.0  # for Pd to be there: 0.1 s on an idle machine
SPEAKERS = (
    "dac~ 1 2"  # of the patch: instead of them it has heard.pd, as nothing is heard without a sound card
)
RECORDED = ("in", "dry", "bass", "left", "right")
PAUSE_S = 0.005  # between two looks: less than a block
TOLD = ("state", "reason", "latency", "missed", "late", "note")  # names bassnet-... that the rig passes on
TOLD_OF_RIG = ("over", "wrote")  # the same, of its own: the recording is whole; the files are written
OVER_MS = 10  # more than a block: by Pd's own time, so that no busy machine's recording lacks its end


def player(control: int, mix: Path, seconds: float, rate: int) -> str:
    """A patch that passes on each line `NAME WORDS` that comes in, and plays the mix at rig-start."""
    c = Canvas("player")
    _control(c)
    _quit(c, control)
    c.objects(
        load="loadbang", read=f"[read -resize {mix} rig-mix(", files="soundfiler", mix="table rig-mix 64"
    )
    c.objects(start="r rig-start", go="t b b", play="tabplay~ rig-mix", throw="throw~ bassnet-mix")
    c.objects(record="tabwrite~ rig-in", into=f"table rig-in {round(seconds * rate)}")
    c.wire("load > read > files", "start > go", "go:1 > record", "go > play > throw", "play > record")
    return patch_text(c)


def _control(c: Canvas) -> None:
    """The line to whoever drives Pd: names and words come in, what is told goes back."""
    c.objects(
        line="netreceive",
        all="list append",
        both="t a a",
        first="list split 1",
        name="symbol",
    )
    c.objects(rest="list split 1", words="list trim", back="list prepend send", said="list trim")
    c.add("to", Box("obj", "send", 2, 0, (60, 22)))  # to any name: its right inlet sets it
    c.wire(
        "line > all > both",
        "both:1 > first > name > 1:to",
        "both > rest:1 > words > to",
        "back > said > line",
    )
    for name in (*TOLD, *TOLD_OF_RIG):
        c.objects(**{name: f"r bassnet-{name}", f"as {name}": f"list prepend {name}"})
        c.wire(f"{name} > as {name} > back")


def _quit(c: Canvas, control: int) -> None:
    """Pd ends where nobody dials, and where who had dialled is gone, killed perhaps: nothing is left."""
    c.objects(alone="sel 0", dialled="[stop(", waits=f"delay {1000 * START_S:g}", quit="[; pd quit(")
    c.objects(some="[1(", was_dialled="spigot", begin="loadbang", listen=f"[listen {control} {HOST}(")
    c.wire("begin > listen > line")
    c.wire("begin > waits > quit", "line:1 > alone > was_dialled > quit", "alone:1 > some > 1:was_dialled")
    c.wire("alone:1 > dialled > waits")


def recorder(folder: Path, seconds: float, rate: int) -> str:
    """A patch that records the bass and the delayed mix from rig-start on, and writes all at rig-write."""
    c = Canvas("recorder")
    c.objects(
        start="r rig-start",
        write="r rig-write",
        steps=f"t b{' b' * len(RECORDED)}",
        files="soundfiler",
        wrote="s bassnet-wrote",
    )
    c.objects(over=f"delay {1000 * seconds + OVER_MS:g}", told_over="s bassnet-over")
    c.wire("write > steps > wrote", "start > over > told_over")
    for i, name in enumerate(RECORDED, start=1):
        c.objects(**{f"write {name}": f"[write -wave -bytes 4 {folder}/{name}.wav rig-{name}("})
        c.wire(f"steps:{i} > write {name} > files")
    for name in RECORDED[1:]:
        c.objects(**{f"table {name}": f"table rig-{name} {round(seconds * rate)}"})
    for name in ("dry", "bass"):
        c.objects(**{f"r {name}": f"r~ bassnet-{name}"})
        c.objects(**{name: f"tabwrite~ rig-{name}"})
        c.wire(f"start > {name}", f"r {name} > {name}")
    return patch_text(c)


def heard() -> str:
    """A patch that records what would go to the speakers."""
    c = Canvas("heard")
    c.objects(start="r rig-start")
    for name in ("left", "right"):
        c.objects(**{f"in {name}": "inlet~", name: f"tabwrite~ rig-{name}"})
        c.wire(f"start > {name}", f"in {name} > {name}")
    return patch_text(c)


class PdProcess:
    """Pd from `with` on, with the committed patch, but for the server's port and the speakers."""

    def __init__(self, folder: Path, port: int, mix: Path, seconds: float, rate: int = 48_000) -> None:
        self.folder, self._rate = folder, rate
        folder.mkdir(parents=True, exist_ok=True)
        text = PATCH.read_text()
        here = f"bassnet-port {PORT} "
        assert text.count(here) == 1
        assert text.count(SPEAKERS) == 1
        text = text.replace(here, f"bassnet-port {port} ").replace(SPEAKERS, "heard")
        (folder / "bassnet.pd").write_text(text)
        (folder / "heard.pd").write_text(heard())
        self.control = _free_port()
        (folder / "player.pd").write_text(player(self.control, mix, seconds, rate))
        (folder / "recorder.pd").write_text(recorder(folder, seconds, rate))
        self.told: dict[str, list[str]] = {name: [] for name in (*TOLD, *TOLD_OF_RIG)}
        self._unread = b""

    def __enter__(self) -> PdProcess:
        command = [*PD, "-r", str(self._rate), *ORDER]
        self._line = socket.socket()
        with (self.folder / "said").open("w") as said:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=said, stderr=said)
        try:
            assert wait_for(self._dialled, START_S), f"Pd must start; it said {self.said()!r}"
        except BaseException:
            self._end()
            raise
        self._line.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.say("pd quit")
        wait_for(lambda: self.process.poll() is not None, STOP_S)
        self._end()

    def _end(self) -> None:
        """Pd is gone, whatever it was doing."""
        self.process.kill()
        self.process.wait(STOP_S)
        self._line.close()

    def hang_up(self) -> None:
        """Closes the rig's line, as the system does for a process that is killed."""
        self._line.close()

    def say(self, words: str) -> None:
        """`NAME WORDS` to the receive of that name within Pd."""
        self._line.sendall(f"{words};\n".encode())

    def said(self) -> str:
        """What Pd wrote."""
        return (self.folder / "said").read_text()

    def last(self, name: str) -> str:
        """What bassnet-NAME was last."""
        self._listen()
        return self.told[name][-1] if self.told[name] else ""

    def wait(self, name: str, value: str, seconds: float) -> bool:
        """Whether bassnet-NAME is that within so many seconds."""
        return bool(wait_for(lambda: self.last(name) == value, seconds))

    def play(self, seconds: float, each: Callable[[float], None] = lambda now: None) -> None:
        """Starts the mix and the recorders; returns when they have run for so long."""
        self.told["over"].clear()
        self.say("rig-start bang")
        self.listen(seconds, each)

    def listen(self, seconds: float, each: Callable[[float], None] = lambda now: None) -> None:
        """Lets so much time pass."""
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            each(now)
            self._listen()
            time.sleep(PAUSE_S)

    def recorded(self) -> dict[str, Audio]:
        """What was played and what came: each of RECORDED (n,) float32, from the same sample on."""
        assert wait_for(lambda: (self._listen(), self.told["over"])[1], START_S), self.said()
        self.say("rig-write bang")
        assert wait_for(lambda: (self._listen(), self.told["wrote"])[1], START_S), self.said()
        return {name: soundfile.read(self.folder / f"{name}.wav", dtype="float32")[0] for name in RECORDED}

    def _dialled(self) -> bool:
        assert self.process.poll() is None, f"Pd must not end while it starts; it said {self.said()!r}"
        return self._line.connect_ex((HOST, self.control)) in (0, errno.EISCONN)

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while heard := self._line.recv(1 << 16):
                self._unread += heard
        *lines, self._unread = self._unread.split(b";\n")
        for line in lines:
            name, *words = line.decode().replace("\\", "").split()
            self.told[name].append(" ".join(words))


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        return int(asked.getsockname()[1])

"""z from a file on its way to a server: when each point leaves, for when, to whom, and how it ends."""

from __future__ import annotations

import math
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from midi_curves import cc, write_csv, write_midi, write_steps
from reports import report, session
from rig import HERE, THERE, Rig
from server_process import free_port

from bassnet_osc import automate as automate_module
from bassnet_osc import status, wire
from bassnet_osc.automate import LEAD_S, LOOK_EVERY, Player, automate, is_this_machine
from bassnet_osc.cli import main
from bassnet_osc.line import Line
from bassnet_osc.session import Source
from bassnet_osc.spec import HOST, BassNetError
from bassnet_osc.switchboard import MAX_CONTROLS, MAX_PUT_OFF
from bassnet_osc.wire import Message
from bassnet_osc.z_curve import CONTROLLERS, POINTS_PER_S, Curve, read_curve

X, Y = CONTROLLERS
WALL = 1.75e9  # Unix seconds when a fake way's own clock is at 0
PRECISION = 1e-6  # seconds: of a time tag that is computed in floats
CONTROLLER: Source = (HERE[0], 6000)  # where the points come from: it has no session


class FakeWay:
    """Takes what is sent, and moves its clock on when it is waited for."""

    def __init__(self) -> None:
        self.now = 50.0
        self.ahead = WALL  # of the wall clock
        self.sent: list[tuple[float, bytes]] = []
        self.stalls: dict[float, float] = {}  # at which time the process is held up, and for how long
        self.answers: list[bytes] = []

    def send(self, datagram: bytes) -> None:
        self.sent.append((self.now, datagram))

    def receive(self, until: float) -> bytes | None:
        self.now = max(self.now, until)
        for at in [at for at in self.stalls if at <= self.now]:
            self.now += self.stalls.pop(at)
        return self.answers.pop() if self.answers else None

    def player(self, to: str | None = None, is_tagged: bool = True) -> Player:
        return Player(self, to, is_tagged, lambda: self.now, lambda: self.now + self.ahead)

    def told(self) -> list[tuple[float, float, Message]]:
        """When each message left and for when, from the file's beginning on; 0 for at once."""
        begin = 50.0 + LEAD_S
        return [
            (left - begin, at and at - WALL - begin, wire.decode_message(message))
            for left, datagram in self.sent
            for message, at in wire.timed(datagram)
        ]


class RigWay(FakeWay):
    """Leads to a whole server between fakes, on the same clock."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(wall_time=lambda: self.now + self.ahead)
        self.now = self.rig.loop.now
        self.n_waiting = 0  # controls, at most
        self.seen: list[tuple[float, tuple[float, float]]] = []  # when z of the session HERE moved

    def send(self, datagram: bytes) -> None:
        self.rig.board.receive(datagram, CONTROLLER)
        self.n_waiting = max(self.n_waiting, sum(self.rig.board._n_put_off.values()))

    def receive(self, until: float) -> bytes | None:
        while self.now < until:
            step = min(0.001, until - self.now)
            self.rig.loop.advance(step)
            self.now += step
            z = self.rig.board.sessions[HERE].z.target
            if not self.seen or z != self.seen[-1][1]:
                self.seen.append((self.now, z))
            for source in self.rig.board.sessions:
                self.rig.board.sessions[source].last_seen = self.now
        return None


@pytest.fixture
def ramp(tmp_path: Path) -> Curve:
    """A straight line of one second."""
    return read_curve(write_csv(tmp_path / "ramp.csv", (0.0, -2.0, 1.0), (1.0, 2.0, -1.0)))


# --- when --------------------------------------------------------------------------------------------


def test_each_point_leaves_ahead_in_a_bundle_for_its_time(ramp: Curve) -> None:
    way = FakeWay()
    player = way.player()
    player.play(ramp)
    points = list(ramp.points())
    assert len(way.told()) == player.n_points == len(points) == POINTS_PER_S + 1
    for (left, due, message), (at, z) in zip(way.told(), points, strict=True):
        assert left == pytest.approx(at - LEAD_S, abs=PRECISION)
        assert due == pytest.approx(at, abs=PRECISION)
        assert message == Message("/bassnet/z", pytest.approx(z))
    assert way.now == pytest.approx(50.0 + LEAD_S + 1.0)  # it returns at the end, not ahead of it


def test_only_what_changes_is_told(tmp_path: Path) -> None:
    rows = [(0.0, 1.0, 1.0), (0.5, 1.0, 1.0), (0.54, 2.0, 1.0), (3.0, 2.0, 1.0)]
    way = FakeWay()
    way.player().play(read_curve(write_csv(tmp_path / "z.csv", *rows)))
    assert [at for _, at, _ in way.told()] == pytest.approx([0.0, 0.52, 0.54], abs=PRECISION)
    assert way.now == pytest.approx(50.0 + LEAD_S + 3.0)


def test_a_csv_and_a_midi_file_that_say_the_same_are_told_alike(tmp_path: Path) -> None:
    rows = [(0.0, -3.0, 0.0), (0.2, 0.0, 3.0), (0.26, 3.0, 3.0)]
    value = {-3.0: 0, 0.0: 64, 3.0: 127}
    moves = [
        move
        for at, x, y in rows
        for move in (cc(round(1e3 * at), X, value[x]), cc(round(1e3 * at), Y, value[y]))
    ]
    told = []
    for path in (write_steps(tmp_path / "z.csv", *rows), write_midi(tmp_path / "z.mid", moves)):
        way = FakeWay()
        way.player().play(read_curve(path))
        told.append(way.told())
    assert (
        [m for _, _, m in told[0]]
        == [m for _, _, m in told[1]]
        == [Message("/bassnet/z", (x, y)) for _, x, y in rows]
    )
    assert [at for _, at, _ in told[0]] == pytest.approx([at for _, at, _ in told[1]], abs=PRECISION)


def test_tags_follow_a_wall_clock_that_is_set_meanwhile(ramp: Curve) -> None:
    """Those of the next points: the server's clock is the same one."""
    way = FakeWay()
    hear = way.receive

    def receive(until: float) -> bytes | None:
        way.ahead = WALL if way.now < 50.5 else WALL + 3600.0
        return hear(until)

    way.receive = receive  # type: ignore[method-assign]
    way.player().play(ramp)
    for left, due, _ in way.told():
        assert (due - left) % 3600.0 == pytest.approx(LEAD_S, abs=2 * PRECISION)


def test_who_was_held_up_tells_the_newest_of_what_is_past(tmp_path: Path) -> None:
    long = read_curve(write_csv(tmp_path / "z.csv", (0.0, -2.0, 1.0), (100.0, 2.0, -1.0)))
    way = FakeWay()
    way.stalls = {60.0: 60.01}  # at 9.9 s of the file, until 69.91
    way.player().play(long)
    late = [at for left, at, _ in way.told() if left > at + PRECISION]
    assert late == pytest.approx([69.9], abs=PRECISION)
    assert way.told()[-1][2] == Message("/bassnet/z", (2.0, -1.0))


def test_a_loop_goes_on(ramp: Curve) -> None:
    class Enough(Exception):
        """Of it."""

    way = FakeWay()
    send = way.send

    def count(datagram: bytes) -> None:
        send(datagram)
        if len(way.sent) == 3 * POINTS_PER_S:
            raise Enough

    way.send = count  # type: ignore[method-assign]
    with pytest.raises(Enough):
        way.player().play(ramp, is_looped=True)
    dues = [at for _, at, _ in way.told()]
    assert dues == pytest.approx([n / POINTS_PER_S for n in range(3 * POINTS_PER_S)], abs=PRECISION)
    assert way.told()[POINTS_PER_S][2] == Message("/bassnet/z", (-2.0, 1.0))


def test_progress_moves_while_a_value_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds without a point: looked at LOOK_EVERY or sooner, to the end and no further."""
    steps: list[float] = []

    class Bar:
        n = 0.0

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is drawn."""

        def update(self, step: float) -> None:
            self.n += step
            steps.append(step)

    monkeypatch.setattr(automate_module, "_progress", lambda curve: Bar())
    way = FakeWay()
    way.player().play(read_curve(write_midi(tmp_path / "z.mid", [cc(0, X, 0)], end=10_000)))
    assert len(way.told()) == 1 and min(steps) >= 0.0 and max(steps) <= LOOK_EVERY + PRECISION
    assert len(steps) <= 10.0 / LOOK_EVERY + 3 and sum(steps) == pytest.approx(10.0)


# --- to whom -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "moves", "address", "args"),
    [
        (None, [cc(0, X, 127), cc(0, Y, 64)], "/bassnet/z", (3.0, 0.0)),
        (None, [cc(0, X, 127)], "/bassnet/z/x", (3.0,)),
        ("max", [cc(0, Y, 0)], "/bassnet/to/max/z/y", (-3.0,)),
        ("max", [cc(0, X, 127), cc(0, Y, 64)], "/bassnet/to/max/z", (3.0, 0.0)),
    ],
)
def test_the_address_says_who_is_moved_and_along_what(
    tmp_path: Path, to: str | None, moves: list[Any], address: str, args: tuple[float, ...]
) -> None:
    way = FakeWay()
    way.player(to).play(read_curve(write_midi(tmp_path / "z.mid", moves)))
    assert [message for _, _, message in way.told()] == [Message(address, args)]


def test_a_socket_hears_bundles_with_tags(ramp: Curve) -> None:
    """The same through a real line; its clock is moved by hand."""

    class FastLine(Line):
        now = 7.0

        def receive(self, until: float) -> bytes | None:
            self.now = max(self.now, until)
            return None

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        server.settimeout(5.0)
        with closing(FastLine(HOST, server.getsockname()[1])) as line:
            Player(line, "max", True, lambda: line.now, lambda: line.now + WALL).play(ramp)
        for at, z in ramp.points():
            datagram = server.recv(wire.MAX_DATAGRAM)
            assert datagram.startswith(b"#bundle\0")
            [(message, due)] = wire.timed(datagram)
            assert due == pytest.approx(WALL + 7.0 + LEAD_S + at, abs=PRECISION)
            assert wire.decode_message(message) == Message("/bassnet/to/max/z", pytest.approx(z))


def test_to_another_machine_plain_messages_go_at_their_time(ramp: Curve) -> None:
    way = FakeWay()
    way.player(is_tagged=False).play(ramp)
    assert not any(datagram.startswith(b"#bundle\0") for _, datagram in way.sent)
    begins = [left - 50.0 for left, _ in way.sent]
    assert begins == pytest.approx([at for at, _ in ramp.points()], abs=PRECISION)


@pytest.mark.parametrize(
    ("own", "there", "is_here"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.1.1", True),
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
    ],
)
def test_only_this_machines_clock_is_trusted(
    own: str, there: str, is_here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Way:
        def getsockname(self) -> Source:
            return own, 1

        def getpeername(self) -> Source:
            return there, 2

        def close(self) -> None:
            """Nothing is open."""

    monkeypatch.setattr(automate_module, "opened", lambda host, port: Way())
    assert is_this_machine("some name", 7770) == is_here


@pytest.mark.parametrize("is_here", [True, False])
def test_the_command_tags_for_this_machine_only(
    ramp: Curve, monkeypatch: pytest.MonkeyPatch, is_here: bool
) -> None:
    way, asked = FakeWay(), list[object]()

    def is_this_one(*where: object) -> bool:
        asked.append(where)
        return is_here

    reports(monkeypatch, "max")
    monkeypatch.setattr(automate_module, "is_this_machine", is_this_one)
    monkeypatch.setattr(automate_module, "Player", lambda line, to, is_tagged: way.player(to, is_tagged))
    automate(ramp, HOST, 7770)
    assert asked == [(HOST, 7770)] and way.sent
    assert {datagram.startswith(b"#bundle\0") for _, datagram in way.sent} == {is_here}


# --- what the server makes of it ---------------------------------------------------------------------


def test_the_server_moves_z_in_time_and_no_other_client(ramp: Curve) -> None:
    way = RigWay()
    for name, source in (("max", HERE), ("live", THERE)):
        way.rig.open(source=source, client=name)
    begin = way.now + LEAD_S
    way.player("max").play(ramp)
    way.receive(way.now + 0.01)
    moved = way.seen[1:] if way.seen[0][1] == (0.0, 0.0) else way.seen
    assert [z for _, z in moved] == [pytest.approx(z) for _, z in ramp.points()]
    for (at, _), (due, _) in zip(moved, ramp.points(), strict=True):
        assert at - begin == pytest.approx(due, abs=0.002)  # the steps of the rig's clock
    assert way.rig.board.sessions[THERE].z.target == (0.0, 0.0)
    assert way.rig.board.refusals.n_refused == 0


def test_no_more_waits_than_the_server_takes(tmp_path: Path) -> None:
    """Even of a file that moves z a thousand times a second."""
    moves = [cc(tick, (X, Y)[tick % 2], tick % 128) for tick in range(3000)]
    way = RigWay()
    way.rig.open()
    way.player().play(read_curve(write_midi(tmp_path / "z.mid", moves)))
    assert 0 < way.n_waiting <= LEAD_S * POINTS_PER_S + 1 < MAX_PUT_OFF
    assert POINTS_PER_S < MAX_CONTROLS and way.rig.board.refusals.n_refused == 0


def test_what_the_server_refuses_is_said_once(ramp: Curve, caplog: pytest.LogCaptureFixture) -> None:
    way = FakeWay()
    gone = wire.encode("/bassnet/error", "z", "no client is named 'max'\x1b[2J")
    way.answers = [gone, gone, wire.encode("/bassnet/status", "ready", "")]
    way.player("max").play(ramp)
    assert caplog.messages == [r"the server refused z: no client is named 'max'\x1b[2J"]


def test_another_refusal_is_said_as_well(ramp: Curve, caplog: pytest.LogCaptureFixture) -> None:
    way = FakeWay()
    way.answers = [wire.encode("/bassnet/error", "z", words) for words in ("b", "b", "a", "a")]  # last first
    way.player("max").play(ramp)
    assert caplog.messages == ["the server refused z: a", "the server refused z: b"]


def test_what_cannot_be_read_is_said_once_and_ends_nothing(
    ramp: Curve, caplog: pytest.LogCaptureFixture
) -> None:
    way = FakeWay()
    refusal = wire.encode("/bassnet/error", "z", "no")
    way.answers = [refusal, b"x" * 7, refusal[:-4], b"#bundle\0"]  # last first
    player = way.player()
    player.play(ramp)
    assert player.n_points == POINTS_PER_S + 1
    odd, refused = caplog.messages
    assert odd.startswith("an answer is left out: ") and "\n" not in odd
    assert refused == "the server refused z: no"


# --- the command -------------------------------------------------------------------------------------


@pytest.fixture
def unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be sent to play a file."""

    def refuse(*_: object) -> None:
        raise AssertionError("a line to the server was opened")

    monkeypatch.setattr(automate_module, "Line", refuse)


def reports(monkeypatch: pytest.MonkeyPatch, *names: str, **changes: Any) -> None:
    """A server with clients of these names answers."""
    told = report(0, sessions=[session(n, client=name) for n, name in enumerate(names)], **changes)
    monkeypatch.setattr(automate_module, "ask", lambda host, port: told)


@pytest.mark.usefixtures("unsent")
def test_who_is_not_there_is_not_moved(ramp: Curve, monkeypatch: pytest.MonkeyPatch) -> None:
    reports(monkeypatch, "max", "live\n")
    with pytest.raises(BassNetError, match=r"^no client is named 'man'; the clients are max, live\\n: see"):
        automate(ramp, HOST, 7770, "man")
    reports(monkeypatch)
    with pytest.raises(BassNetError, match=r"there is no client: see `bassnet status`$"):
        automate(ramp, HOST, 7770, "max")
    for name in ("a b", "a/b", "", "x" * 65, "ü"):
        with pytest.raises(BassNetError, match="--to must be a client's name"):
            automate(ramp, HOST, 7770, name)


@pytest.mark.usefixtures("unsent")
def test_without_a_server_it_says_what_status_says(ramp: Curve, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(automate_module, "ask", lambda host, port: status.ask(host, port, timeout=0.1))
    with pytest.raises(BassNetError) as of_status:
        status.ask(HOST, port, timeout=0.1)
    with pytest.raises(BassNetError) as refused:
        automate(ramp, HOST, port)
    assert str(refused.value) == str(of_status.value)


@pytest.mark.usefixtures("unsent")
@pytest.mark.parametrize(
    "changes",
    [
        {"more_sessions": "many"},
        {"more_sessions": None},
        {"more_sessions": math.inf},
        {"sessions": 3},
        {"sessions": ["max"]},
        {"sessions": [{}]},
    ],
    ids=str,
)
def test_a_report_of_another_kind_is_refused_in_a_line(
    ramp: Curve, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    told = report() | changes
    monkeypatch.setattr(automate_module, "ask", lambda host, port: told)
    for to in (None, "max", "nobody"):
        with pytest.raises(BassNetError, match=r"^the report must be as this version's; got .*same version$"):
            automate(ramp, HOST, 7770, to)


def test_it_says_how_much_it_told_and_what_it_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reports(monkeypatch, "max", more_sessions=3)
    monkeypatch.setattr(automate_module, "Player", lambda *_: FakeWay().player())
    curve = read_curve(write_midi(tmp_path / "z.mid", [cc(0, X, 1), cc(500, X, 2)], end=1000))
    told = "z.mid: 2 points over 1.0 s, told to"
    assert automate(curve, HOST, 7770) == f"{told} everybody (4 sessions at the beginning)"
    assert automate(curve, HOST, 7770, "one of the others".replace(" ", "-")) == f"{told} one-of-the-others"
    assert caplog.messages == [curve.remark] * 2


@pytest.mark.usefixtures("unsent")
def test_bad_words_and_files_end_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reports(monkeypatch)
    (tmp_path / "letter.csv").write_text("Dear reader")
    write_csv(tmp_path / "z.csv", (0.0, 1.0, 2.0))
    write_midi(tmp_path / "z.mid", [cc(0, 7, 1)])
    for rule, words in {
        "cannot be read": ["none.mid"],
        "must be three numbers": ["letter.csv"],
        "leave --cc out": ["z.csv", "--cc", "1,2"],
        "it has 7: choose two of them with --cc X,Y": ["z.mid"],
        "leave --loop out": ["z.csv", "--loop"],
    }.items():
        if rule == "leave --loop out":
            monkeypatch.setattr(automate_module, "Line", lambda *_: closing_way())
        assert main(["automate", str(tmp_path / words[0]), *words[1:]]) == 2
        printed = capsys.readouterr()
        assert printed.out == "" and rule in printed.err and printed.err.count("\n") == 1
    for pair in ("1", "1,1", "1,120", "-1,2", "a,b", "1,2,3"):
        with pytest.raises(SystemExit):
            main(["automate", "z.mid", f"--cc={pair}"])
        assert "two different numbers X,Y from 0 to 119" in capsys.readouterr().err


def closing_way() -> Any:
    """A line on which nothing may be said."""

    class Silent:
        def send(self, datagram: bytes) -> None:
            raise AssertionError("something was sent")

        def close(self) -> None:
            """Nothing is open."""

    return Silent()

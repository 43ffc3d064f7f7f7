"""Every session's stream under way: inputs to the engine, answers to the client, timers for what is due.

Flow: switchboard -> playing -> engine, answers -> send.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bassnet_osc import answers as say
from bassnet_osc.frames import Block
from bassnet_osc.session import MAX_BACKLOG, Model, Session
from bassnet_osc.spec import SEQ_MODULO
from bassnet_osc.take import Answer, Take

if TYPE_CHECKING:
    from bassnet_osc.engine import Engine
    from bassnet_osc.hearing import Heard
    from bassnet_osc.live_notes import NoteEvent
    from bassnet_osc.voice import Voice

MAX_WAIT = 0.5 * MAX_BACKLOG  # seconds that a block may wait to be heard, whatever its deadline


class Timer(Protocol):
    """What is used of asyncio.TimerHandle."""

    def cancel(self) -> None:
        """Forgets the call."""

    def when(self) -> float:
        """The time of the call."""


class Loop(Protocol):
    """What is used of asyncio's loop."""

    def time(self) -> float:
        """Seconds, rising."""

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Calls once, at that time."""


class Playing:
    """The engine and the timers, for all sessions. `failed` is called where hearing raised an exception.

    `tell` sends a session a datagram, if it may get it.
    """

    def __init__(
        self,
        engine: Engine,
        tell: Callable[[Session, bytes], None],
        loop: Loop,
        failed: Callable[[Session, Exception], None],
    ) -> None:
        self._engine = engine
        self._tell = tell
        self._loop = loop
        self._failed = failed
        self._timers: dict[Session, Timer] = {}

    def receive(self, session: Session, seq: int, block: Block, now: float) -> None:
        """Takes a block of the mix; raises BassNetError for one that the session refuses."""
        voice = session.voice
        inputs, answers = session.receive(seq, block, now)
        if session.voice is not voice:  # a jump
            self._leave(session, voice)
        self._go_on(session, inputs, answers)

    def restart(self, session: Session) -> None:
        """Ends the session's take; the next block begins another. BassNetError where it is too soon."""
        self.rest(session)
        self._pass_on(session, session.restart)

    def switch(self, session: Session, model: Model) -> bool:
        """Has the session play by another model; whether that took a new voice. BassNetError if refused."""
        voice = session.voice
        if not voice.can_go_on_with(model):
            self.rest(session)
        self._pass_on(session, partial(session.switch, model))
        return session.voice is not voice

    def _pass_on(self, session: Session, change: Callable[[], list[Answer]]) -> None:
        """Makes a change that may end the take, and sends what the old one owes."""
        voice = session.voice
        owed = change()
        if session.voice is not voice:
            self._leave(session, voice)
        self._go_on(session, [], owed)

    def _leave(self, session: Session, voice: Voice) -> None:
        """Nothing more is heard by this voice."""
        self._engine.forget(voice)
        voice.rest()
        self.rest(session)

    def fade_out(self, session: Session, seconds: float) -> None:
        """Makes the session silent, its notes too."""
        self.rest(session)
        if session.take is not None:
            session.take.fade_out(seconds)

    def end(self, session: Session) -> None:
        """Frees what the session held."""
        self.rest(session)
        session.take = None  # what is being heard for it comes to nothing
        self._engine.forget(session.voice)
        if session in self._timers:
            self._timers.pop(session).cancel()

    def rest(self, session: Session) -> None:
        """Ends the notes that sound, at the newest block: nothing is heard for now, or ever again."""
        session.voice.rest()
        for event in session.notes.rest():
            newest = 0 if session.take is None else session.take.newest % SEQ_MODULO
            self._tell_note(session, event, newest, 0)

    def _tell_of(self, session: Session, take: Take) -> None:
        """Sends what the session has subscribed to of the frames that were just played."""
        played, frame_rate = take.accepted, session.z.spec.cqt.frame_rate
        if played is not None and "frames" in session.wants:
            for datagram in say.frames(played):
                self._tell(session, datagram)
        if played is not None and "notes" in session.wants:
            session.notes.decide_by(session.voice.descriptor)
            for event in session.notes.process(played, session.sound.octave):
                self._tell_note(session, event, *take.position(event.frame, frame_rate))

    def _tell_note(self, session: Session, event: NoteEvent, seq: int, offset: int) -> None:
        datagram = say.note(event, seq, offset)
        if datagram is not None:
            self._tell(session, datagram)

    def _go_on(self, session: Session, inputs: list[Block], answers: list[Answer]) -> None:
        """Has the inputs heard, sends the answers, and looks again when something is due."""
        patience = min(session.hello.deadline_seconds, MAX_WAIT) + session.voice.slack_s
        for block in inputs:
            assert session.take is not None  # inputs come from a take
            done = partial(self._heard, session, session.take)
            self._engine.submit(session.voice, block, self._loop.time() + patience, done)
        for answer in answers:
            for datagram in say.audio_out(answer, session.hello.format):
                self._tell(session, datagram)
        self._set_timer(session)

    def _heard(self, session: Session, take: Take, result: Heard | Exception) -> None:
        if session.take is not take:
            return  # restarted or gone meanwhile
        if isinstance(result, Exception):
            self._failed(session, result)
        else:
            self._go_on(session, [], take.heard(result, self._loop.time()))
            self._tell_of(session, take)

    def _set_timer(self, session: Session) -> None:
        due = None if session.take is None else session.take.due
        timer = self._timers.get(session)
        if due is None or (timer is not None and timer.when() <= due):
            return  # a timer that comes early looks again: cheaper than one for each answer
        if timer is not None:
            timer.cancel()
        self._timers[session] = self._loop.call_at(due, self._look_after, session)

    def _look_after(self, session: Session) -> None:
        del self._timers[session]
        if session.take is not None:
            self._go_on(session, *session.take.expire(self._loop.time()))

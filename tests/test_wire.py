"""OSC datagrams: equal to python-osc's, inverse to each other, and closed to everything hostile."""

from __future__ import annotations

import math
import random
import struct

import pytest
from datagrams import built, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from bassnet_osc import audio_wire, wire
from bassnet_osc.spec import BassNetError
from bassnet_osc.wire import Message

AUDIO = "/bassnet/audio/in"


# --- control -----------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
ARGUMENTS = st.lists(
    st.one_of(
        TEXTS,
        st.integers(-(2**31), 2**31 - 1),
        st.floats(width=32, allow_nan=False),
        st.booleans(),
        st.binary(min_size=1, max_size=20),
    ),
    max_size=wire.MAX_ARGS,
)


@given(ARGUMENTS)
def test_control_messages_survive_the_wire(args: list[object]) -> None:
    datagram = wire.encode("/bassnet/x", *args)
    assert wire.decode(datagram) == [Message("/bassnet/x", tuple(args))]


def test_64_bits_and_doubles_are_read() -> None:
    datagram = built("/bassnet/x", ("h", 2**40), ("d", 0.1), ("N", None))
    assert wire.decode(datagram) == [Message("/bassnet/x", (2**40, 0.1, None))]


def test_a_message_without_type_tags_has_no_arguments() -> None:
    assert wire.decode(b"/bassnet/bye\0\0\0\0") == [Message("/bassnet/bye")]


def bundle(*contents: object, timetag: float = IMMEDIATELY) -> object:
    builder = OscBundleBuilder(timetag)
    for content in contents:
        builder.add_content(content)
    return builder.build()


def message(address: str, *args: object) -> object:
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    return builder.build()


def test_bundles_are_unpacked_in_order_whatever_their_time_tags() -> None:
    inner = bundle(message("/c"), message("/d", 2), timetag=2e9)
    outer = bundle(message("/a", 1.0), inner, message("/e"), timetag=1.0)
    got = wire.decode(outer.dgram)
    assert got == [Message("/a", (1.0,)), Message("/c"), Message("/d", (2,)), Message("/e")]


def test_deep_bundles_are_refused() -> None:
    packet = message("/a").dgram
    for _ in range(9):
        packet = b"#bundle\0" + bytes(8) + struct.pack(">i", len(packet)) + packet
    with pytest.raises(BassNetError, match="nest at most 8"):
        wire.decode(packet)
    assert wire.decode(packet[20:]) == [Message("/a")]


@pytest.mark.parametrize("size", [-4, -1, 0, 1, 16, 2**31 - 1])
def test_a_bundle_that_lies_about_an_element_is_refused(size: int) -> None:
    packet = b"#bundle\0" + bytes(8) + struct.pack(">i", size) + message("/a").dgram
    with pytest.raises(BassNetError, match="does not fit"):
        wire.decode(packet)


@pytest.mark.parametrize(
    "datagram",
    [
        b"/z\0\0,ff\0" + bytes(4),  # one float of two: python-osc reads the other as 0
        b"/z\0\0,f\0\0" + bytes(8),  # one too many
        b"/z\0\0,b\0\0" + struct.pack(">i", -4),
        b"/z\0\0,[f]" + bytes(8),
        b"/z\0\0,x\0\0",
        b"/z\0\0ff\0\0" + bytes(8),
        b"/\xff\xfe\0,\0\0\0",
        b"/z\0\0,s\0\0\xff\xfe\xfd\0",
        b"/z\0\0,s\0\0abcd",
        b"z\0\0\0,\0\0\0",
        b"\0\0\0\0",
        b"",
        b"/abc",
        bytes(9220),
        b"/z\0\0" + b"," + b"T" * 67,
    ],
)
def test_damaged_control_messages_are_refused_in_one_line(datagram: bytes) -> None:
    with pytest.raises(BassNetError) as refused:
        wire.decode(datagram)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


@pytest.mark.parametrize("arg", [object(), 1e300, b"", "\0" * 3 + "\ud800", 2**70])
def test_what_cannot_be_sent_is_refused(arg: object) -> None:
    with pytest.raises(BassNetError, match="/bassnet/z cannot carry"):
        wire.encode("/bassnet/z", arg)


# --- arguments ---------------------------------------------------------------------------------------


def test_arguments_are_read_as_they_are_wanted() -> None:
    assert wire.arguments(Message("/x", (1, True, 2.0, "a")), "ffis") == [1.0, 1.0, 2, "a"]
    assert wire.arguments(Message("/x", ("a", "pad", None)), "s*") == ["a", "pad", None]
    assert wire.arguments(Message("/x"), "") == []


@pytest.mark.parametrize(
    ("args", "kinds", "rule"),
    [
        ((1.0,), "ff", "takes 2 arguments"),
        ((1.0, 2.0, 3.0), "ff", "takes 2 arguments"),
        (("a",), "ss*", "takes 2 arguments or more of kinds"),
        ((math.nan,), "f", "finite number; got nan"),
        ((math.inf,), "i", "whole number; got inf"),
        ((1.5,), "i", "whole number; got 1.5"),
        (("1",), "f", "finite number; got '1'"),
        ((1,), "s", "text; got 1"),
        ((None,), "f", "finite number; got None"),
        ((b"1",), "i", "whole number"),
    ],
)
def test_other_arguments_are_refused(args: tuple[object, ...], kinds: str, rule: str) -> None:
    with pytest.raises(BassNetError, match=rule):
        wire.arguments(Message("/x", args), kinds)


# --- hostility ---------------------------------------------------------------------------------------


def refusals(datagram: bytes) -> list[str]:
    """What every way into the wire refuses; any exception but BassNetError fails the test."""
    readers = [lambda: wire.decode(datagram), lambda: wire.address_of(datagram)]
    readers += [lambda f=f: audio_wire.decode_audio(datagram, f) for f in audio_wire.FORMATS]
    lines = []
    for read in readers:
        try:
            read()
        except BassNetError as error:
            lines.append(str(error))
    return lines


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_random_bytes_are_read_or_refused(datagram: bytes) -> None:
    for head in (b"", b"/bassnet/audio/in\0\0\0,", b"#bundle\0"):
        assert all("\n" not in line for line in refusals(head + datagram))


def test_mutations_of_valid_messages_are_read_or_refused() -> None:
    seeds = [audio_wire.encode_audio(AUDIO, 3, noise(16), f) for f in audio_wire.FORMATS]
    seeds += [built(AUDIO, ("i", 3), ("h", 1), ("d", 0.5), ("T", True), ("F", False))]
    seeds += [wire.encode("/bassnet/hello", "max", 0, 48000, 256, "f", "pad", "." * 90, "deadline_ms", 5.0)]
    seeds += [bundle(message("/a", 1.0), bundle(message("/b", b"xyz"), message("/c", "d"))).dgram]
    rng, n_untouched, n_refused = random.Random(0), 0, 0
    for _ in range(6000):
        datagram = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            kind, at = rng.randrange(4), rng.randrange(len(datagram))
            if kind == 0:
                datagram[at] = rng.randrange(256)
            elif kind == 1:
                datagram[at // 4 * 4 : at // 4 * 4 + 4] = rng.choice(
                    [b"\xff\xff\xff\xfc", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x7f\xc0\0\0", b",ifb"]
                )
            elif kind == 2:
                del datagram[at // 4 * 4 + 4 :]
            else:
                datagram[at:at] = rng.randbytes(4)
        lines = refusals(bytes(datagram))
        assert all("\n" not in line for line in lines)
        n_untouched += not lines
        n_refused += bool(lines)
    assert n_refused > 5000 and n_untouched == 0  # no datagram is right in every format at once

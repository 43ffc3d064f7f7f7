"""Audio on the wire: equal to python-osc's bytes, inverse to itself, and closed to what is no audio."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from datagrams import built, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bassnet_osc import audio_wire
from bassnet_osc.spec import SEQ_MODULO, BassNetError

AUDIO = "/bassnet/audio/in"
SAMPLES = arrays(np.float32, st.integers(1, audio_wire.MAX_BLOCK), elements=st.floats(-1, 1, width=32))
SEQS = st.integers(0, SEQ_MODULO - 1)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 240, 255, 256, 1024])
def test_audio_bytes_equal_python_oscs(n: int) -> None:
    samples = noise(n)
    floats = [("f", float(x)) for x in samples]
    assert audio_wire.encode_audio(AUDIO, 7, samples, "f") == built(AUDIO, ("i", 7), *floats)
    blob = struct.pack(f">{n}f", *samples)
    assert audio_wire.encode_audio(AUDIO, 7, samples, "b") == built(AUDIO, ("i", 7), ("b", blob))
    steps = [round(float(x) * 32767) for x in samples]
    on_the_grid = np.array(steps, np.float32) / np.float32(32767)
    blob = struct.pack(f">{n}h", *steps)
    assert audio_wire.encode_audio(AUDIO, 7, on_the_grid, "s16") == built(AUDIO, ("i", 7), ("b", blob))


@given(SAMPLES, SEQS)
@settings(max_examples=50)
def test_decoding_inverts_encoding(samples: np.ndarray, seq: int) -> None:
    for audio_format, error in (("f", 0.0), ("b", 0.0), ("s16", 0.5001 / 32767)):  # half a step of int16
        n, decoded = audio_wire.decode_audio(
            audio_wire.encode_audio(AUDIO, seq, samples, audio_format), audio_format
        )
        assert n == seq and decoded.dtype == np.float32
        assert np.abs(decoded - samples).max() <= error


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("i"), st.integers(-1000, 1000)),
            st.tuples(st.just("f"), st.floats(-1000, 1000, width=32)),
            st.tuples(st.just("h"), st.integers(-1000, 1000)),
            st.tuples(st.just("d"), st.floats(-1000, 1000)),
        ),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from("ifhd"),
)
def test_every_mixture_of_numbers_is_read(atoms: list[tuple[str, object]], seq_tag: str) -> None:
    seq, samples = audio_wire.decode_audio(built(AUDIO, (seq_tag, 5), *atoms), "f")
    assert seq == 5
    np.testing.assert_array_equal(samples, np.array([float(value) for _, value in atoms], np.float32))


def test_silence_from_max_comes_as_whole_numbers() -> None:
    seq, samples = audio_wire.decode_audio(built(AUDIO, ("i", 1), *[("i", 0)] * 240), "f")
    assert seq == 1 and len(samples) == 240 and not samples.any()


@pytest.mark.parametrize("audio_format", ["b", "s16"])
def test_a_float_seq_before_a_blob_is_read(audio_format: str) -> None:
    datagram = audio_wire.encode_audio(AUDIO, 0, noise(16), audio_format).replace(b",ib", b",fb")
    at = datagram.index(b",fb") + 4
    datagram = datagram[:at] + struct.pack(">f", 12.0) + datagram[at + 4 :]
    assert audio_wire.decode_audio(datagram, audio_format)[0] == 12


def test_seq_counts_modulo_2_to_the_24() -> None:
    assert audio_wire.decode_audio(audio_wire.encode_audio(AUDIO, 2**24 + 3, noise(16), "f"), "f")[0] == 3
    assert audio_wire.decode_audio(built(AUDIO, ("i", 2**24 + 3), ("f", 0.0)), "f")[0] == 3


def test_s16_clips_at_full_scale() -> None:
    samples = np.array([2.0, -2.0, 1.0, -1.0], np.float32)
    _, decoded = audio_wire.decode_audio(audio_wire.encode_audio(AUDIO, 0, samples, "s16"), "s16")
    np.testing.assert_array_equal(decoded, [1, -1, 1, -1])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e7])
@pytest.mark.parametrize("audio_format", ["f", "b"])
def test_samples_that_are_no_audio_are_refused(audio_format: str, bad: float) -> None:
    samples = noise(64)
    samples[40] = bad
    with pytest.raises(BassNetError, match="samples must be finite"):
        audio_wire.decode_audio(audio_wire.encode_audio(AUDIO, 0, samples, audio_format), audio_format)


def test_too_large_a_double_is_refused_like_infinity() -> None:
    with pytest.raises(BassNetError, match="samples must be finite"):
        audio_wire.decode_audio(built(AUDIO, ("i", 0), ("d", 1e300)), "f")


def test_loud_audio_within_the_limit_passes() -> None:
    samples = np.full(1024, -audio_wire.MAX_SAMPLE, np.float32)
    assert (
        audio_wire.decode_audio(audio_wire.encode_audio(AUDIO, 0, samples, "b"), "b")[1].tolist()
        == samples.tolist()
    )


@pytest.mark.parametrize("seq", [("i", -1), ("f", 0.5), ("f", math.nan), ("d", 1e300), ("h", 2**40)])
def test_a_seq_that_is_no_count_is_refused(seq: tuple[str, object]) -> None:
    with pytest.raises(BassNetError, match="seq must be"):
        audio_wire.decode_audio(built(AUDIO, seq, ("f", 0.0)), "f")


@pytest.mark.parametrize("audio_format", audio_wire.FORMATS)
def test_wrong_lengths_are_refused(audio_format: str) -> None:
    whole = audio_wire.encode_audio(AUDIO, 3, noise(64), audio_format)
    for length in range(len(whole)):
        with pytest.raises(BassNetError):
            audio_wire.decode_audio(whole[:length], audio_format)
    for more in (b"\0", b"\0" * 4, b"\0" * 400, b"\0" * 9216):
        with pytest.raises(BassNetError):
            audio_wire.decode_audio(whole + more, audio_format)


def test_the_wrong_format_is_refused() -> None:
    for sent in audio_wire.FORMATS:
        for expected in {"f", "b", "s16"} - {sent}:
            if {sent, expected} != {"b", "s16"}:  # a blob does not say what it holds
                with pytest.raises(BassNetError, match=f"format {expected} "):
                    audio_wire.decode_audio(audio_wire.encode_audio(AUDIO, 0, noise(64), sent), expected)


@pytest.mark.parametrize("size", [-4, -1, 0, 3, 2**31 - 1, 60, 68])
def test_a_blob_that_lies_about_its_size_is_refused(size: int) -> None:
    whole = audio_wire.encode_audio(AUDIO, 0, noise(16), "b")
    at = whole.index(b",ib") + 8
    with pytest.raises(BassNetError):
        audio_wire.decode_audio(whole[:at] + struct.pack(">i", size) + whole[at + 4 :], "b")


def test_more_samples_than_a_block_are_refused() -> None:
    with pytest.raises(BassNetError, match="1 to 1024"):
        audio_wire.decode_audio(audio_wire.encode_audio(AUDIO, 0, np.zeros(1025, np.float32), "f"), "f")
    with pytest.raises(BassNetError, match="1 to 1024"):
        audio_wire.decode_audio(built(AUDIO, ("i", 0), *[("T", True)] * 8000), "f")


@pytest.mark.parametrize("tag", ["T", "F"])
def test_samples_that_take_no_bytes_are_refused(tag: str) -> None:
    """A thousand of them would be answered with five times their length."""
    with pytest.raises(BassNetError, match=f"carries numbers .*got a '{tag}'"):
        audio_wire.decode_audio(built(AUDIO, ("i", 0), *[(tag, tag == "T")] * 1000), "f")

"""Mixes are read as one signal whatever the files' format, rate and length; outputs are whole or absent."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from bassnet_osc import audio_files
from bassnet_osc.audio_files import BassFile, Mix, check_output, check_sound_output, whole
from bassnet_osc.spec import BassNetError

FORMATS = [(".flac", 4e-5), (".ogg", 0.02)]  # measured 1.5e-5, 5e-3


def write(path: Path, samples: np.ndarray, rate: int = 48_000) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def read(mix: Mix) -> np.ndarray:
    return np.concatenate(list(mix.blocks()))


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    """Two seconds of quiet stereo noise (96000, 2)."""
    return 0.1 * rng.standard_normal((96_000, 2)).astype(np.float32)


@pytest.fixture
def tones() -> np.ndarray:
    """Two seconds of a fifth, one tone on either side (96000, 2): what lossy formats keep."""
    return 0.3 * np.sin(np.arange(96_000)[:, None] * 2 * np.pi * np.array([220.0, 330.0]) / 48_000)


def test_stereo_becomes_the_mean(tmp_path: Path, noise: np.ndarray) -> None:
    mix = Mix([write(tmp_path / "a.wav", noise)])
    assert (mix.sample_rate, mix.n_samples) == (48_000, 96_000)
    np.testing.assert_allclose(read(mix), noise.mean(axis=1), atol=1e-7)  # measured 0


@pytest.mark.parametrize(("suffix", "tolerance"), FORMATS)
def test_other_formats_hold_the_same_signal(
    tmp_path: Path, tones: np.ndarray, suffix: str, tolerance: float
) -> None:
    heard = read(Mix([write(tmp_path / f"a{suffix}", tones)]))
    assert len(heard) == 96_000
    np.testing.assert_allclose(heard, tones.mean(axis=1), atol=tolerance)


def test_files_are_summed_and_shorter_ones_end_in_silence(tmp_path: Path, noise: np.ndarray) -> None:
    long, short = noise[:, 0], noise[:70_000, 1]
    heard = read(Mix([write(tmp_path / "s.wav", short), write(tmp_path / "l.wav", long)]))
    np.testing.assert_allclose(heard, long + np.pad(short, (0, 26_000)), atol=1e-7)


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_another_rate_is_resampled_to_the_first_files(
    tmp_path: Path, rng: np.random.Generator, rate: int
) -> None:
    samples = 0.1 * rng.standard_normal(rate + 1).astype(np.float32)
    other = write(tmp_path / "other.wav", samples, rate)
    mix = Mix([write(tmp_path / "silence.wav", np.zeros(10, np.float32)), other])
    assert mix.resampled == {other: rate}
    heard = read(mix)
    assert len(heard) == mix.n_samples
    np.testing.assert_allclose(heard, soxr.resample(samples, rate, 48_000), atol=1e-6)  # 0


def test_memory_does_not_grow_with_the_file(tmp_path: Path, noise: np.ndarray) -> None:
    mix = Mix([write(tmp_path / "a.wav", noise), write(tmp_path / "b.wav", noise[:100], 8_000)])
    assert max(len(block) for block in mix.blocks()) <= audio_files.READ_SIZE


def spoil(path: Path) -> Path:
    """Cuts a sound file in half."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def test_bad_headers_are_refused_at_once(tmp_path: Path, noise: np.ndarray) -> None:
    files = {
        "no such file": tmp_path / "missing.wav",
        "is empty": tmp_path / "empty.wav",
        "cannot be read as sound": tmp_path / "letter.wav",
        "holds no samples": write(tmp_path / "none.wav", noise[:0]),
        "8000..192000 Hz; got 4000": write(tmp_path / "slow.wav", noise, 4_000),
        "8000..192000 Hz; got 384000": write(tmp_path / "fast.wav", noise, 384_000),
    }
    (tmp_path / "empty.wav").touch()
    (tmp_path / "letter.wav").write_text("Dear reader")
    for rule, path in files.items():
        with pytest.raises(BassNetError, match=rule) as caught:
            Mix([path])
        assert path.name in str(caught.value) and "\n" not in str(caught.value)


def test_headerless_samples_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(BassNetError, match="cannot be read as sound"):
        Mix([tmp_path / "a.raw"])


def test_a_wav_that_was_cut_is_refused_at_once(tmp_path: Path, noise: np.ndarray) -> None:
    path = write(tmp_path / "a.wav", noise)
    head = path.read_bytes().index(b"data") + 8
    there = spoil(path).stat().st_size - head
    with pytest.raises(
        BassNetError, match=f"cut off: {noise.nbytes} bytes of sound announced, {there} there"
    ):
        Mix([path])


@pytest.mark.parametrize("announced", [0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_does_not_know_its_size(tmp_path: Path, noise: np.ndarray, announced: int) -> None:
    """As sox, arecord and ffmpeg write the header of a stream."""
    path = tmp_path / "a.wav"
    soundfile.write(path, noise, 48_000)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"data") + 4, announced)
    path.write_bytes(data)
    np.testing.assert_allclose(read(Mix([path])), noise.mean(axis=1), atol=4e-5)  # 16 bits: 3.05e-5


def test_a_damaged_file_is_refused_while_reading(tmp_path: Path, noise: np.ndarray) -> None:
    mix = Mix([spoil(write(tmp_path / "a.flac", noise))])
    with pytest.raises(BassNetError, match="damaged: 96000 samples announced"):
        read(mix)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38, -1.1e6])
def test_samples_that_are_no_sound_are_named_by_position(
    tmp_path: Path, noise: np.ndarray, value: float
) -> None:
    noise[72_000, 1] = value
    with pytest.raises(BassNetError, match=r"at sample 72000 \(1\.500 s\)"):
        read(Mix([write(tmp_path / "a.wav", noise)]))


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [("a.wav", "PCM_24", 2e-7), ("a.FLAC", "PCM_24", 2e-7), ("a.ogg", "VORBIS", 0.02)],
)
def test_what_is_written_is_read_again(
    tmp_path: Path, tones: np.ndarray, name: str, subtype: str, tolerance: float
) -> None:
    path = tmp_path / name
    with whole(path) as part, BassFile(part, path, 44_100) as file:
        for block in np.array_split(tones[:, 0], 7):
            file.write(block)
    assert soundfile.info(path).subtype == subtype
    heard, rate = soundfile.read(path)
    assert rate == 44_100
    np.testing.assert_allclose(heard, tones[:, 0], atol=tolerance)  # 1.2e-7, 7.5e-3


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole(path) as part:
        part.write_text("new, but half of it")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]


def test_what_the_system_refuses_is_told_of_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", ".a.wav.1.part")

    for method in ("touch", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, refuse)
            with pytest.raises(BassNetError, match=r"/a\.wav cannot be written \(Permission denied\)"):  # noqa: SIM117
                with whole(tmp_path / "a.wav") as part:
                    part.write_text("new")
    with (
        pytest.raises(BassNetError, match=r"/x+\.wav cannot be written"),
        whole(tmp_path / f"{'x' * 250}.wav"),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_impossible_outputs_are_refused(tmp_path: Path) -> None:
    mix = tmp_path / "mix.wav"
    mix.touch()
    (tmp_path / "link.wav").symlink_to(mix)
    for path, rule in [
        (tmp_path / "nowhere" / "a.wav", "does not exist"),
        (tmp_path, "is a folder"),
        (mix, "is an input"),
        (tmp_path / "link.wav", "is an input"),
        (tmp_path / "." / "mix.wav", "is an input"),
    ]:
        with pytest.raises(BassNetError, match=rule):
            check_output(path, [mix])
    with pytest.raises(BassNetError, match=r"use \.wav, \.flac, \.ogg"):
        check_sound_output(tmp_path / "a.mp3")

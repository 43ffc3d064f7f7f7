"""Real datagrams through loss, disorder, jitter and pauses: each sample of the bass keeps its place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fault_proxy import FaultProxy, Faults
from fault_rig import PATIENT_MS, RATE, WIDE, Stream, joined, mix_blocks, offline
from raw_socket import bound, exchange, opened
from server_process import MODEL, ServerProcess

from bassnet_osc import wire
from bassnet_osc.audio_wire import decode_audio
from bassnet_osc.bundle import Bundle
from bassnet_osc.client import Client
from bassnet_osc.playthrough import lag_samples
from bassnet_osc.replay import replay as play_again

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc as Linux has them")

JITTER = 0.03  # seconds
SPACING = 0.9 * WIDE / RATE  # a slow machine's bursts are not what is tested
ROUGH = Faults(loss=0.05, duplicate=0.1, reorder=0.1, jitter=JITTER, spacing=SPACING)
SHUFFLED = Faults(duplicate=0.1, reorder=0.1, jitter=JITTER, spacing=SPACING)


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(MODEL)


def test_disorder_without_loss_changes_no_sample(server: ServerProcess, bundle: Bundle) -> None:
    """Reordered, doubled and late blocks, both ways: each is answered once, with the offline bass itself."""
    blocks = mix_blocks(WIDE, 4.0)
    with (
        FaultProxy(server.port, SHUFFLED, Faults(reorder=0.1, jitter=JITTER), seed=1) as proxy,
        Client(port=proxy.port, block_size=WIDE, deadline_ms=PATIENT_MS) as client,
    ):
        stream = Stream(client, blocks).play()
        stats = client.stats()
    assert proxy.inward.n_duplicated > 5 and proxy.inward.n_reordered > 5
    assert stats is not None and (stats["lost"], stats["late"], stats["concealed"]) == (0, 0, 0)
    assert stats["blocks_in"] == proxy.inward.n_left == len(blocks) + proxy.inward.n_duplicated
    assert sorted(seq for _, seq, _ in stream.came) == list(range(len(blocks)))
    heard, expected = joined(stream.answers, len(blocks), WIDE), offline(bundle, blocks)
    assert 0.1 < np.abs(expected).max() < 1.0
    assert lag_samples(heard, expected) == 0
    np.testing.assert_array_equal(heard, expected)


def test_loss_is_concealed_and_keeps_the_place(server: ServerProcess, bundle: Bundle) -> None:
    """5 % loss with all of the above, both ways: every sample is that of an offline take of what arrived."""
    blocks = mix_blocks(WIDE, 5.0)
    with (
        FaultProxy(server.port, ROUGH, replace(ROUGH, spacing=0.0), seed=3) as proxy,
        Client(port=proxy.port, block_size=WIDE, deadline_ms=PATIENT_MS) as client,
    ):
        stream = Stream(client, blocks).play()
        stats = client.stats()
    lost = [decode_audio(datagram, "f")[0] for datagram in proxy.inward.lost]
    lost_on_the_way_back = {decode_audio(datagram, "f")[0] for datagram in proxy.outward.lost}
    newest = max(set(range(len(blocks))) - set(lost))  # nobody can know of what was lost after it
    assert len(lost) > 3 and len(lost_on_the_way_back) > 3
    assert stats is not None and stats["late"] == 0
    assert stats["lost"] == sum(seq < newest for seq in lost)
    assert stats["blocks_in"] == proxy.inward.n_left
    assert proxy.outward.n_came == newest + 1  # one answer to each block, the lost ones too
    answered = set(range(newest + 1)) - lost_on_the_way_back
    assert set(stream.answers) == answered
    heard, expected = joined(stream.answers, len(blocks), WIDE), offline(bundle, blocks, lost)
    missing = np.isnan(heard)
    assert lag_samples(np.nan_to_num(heard), np.where(missing, 0.0, expected)) == 0
    np.testing.assert_array_equal(heard[~missing], expected[~missing])


def test_whatever_the_network_does_the_replay_is_what_came_back(tmp_path: Path) -> None:
    """Jitter of six blocks, loss and disorder: the server gives many blocks up, and its log says which.

    Played again from the log, the bass is what the client got, each sample in its place: nothing has shifted.
    """
    blocks, faults = mix_blocks(256, 4.0), replace(ROUGH, spacing=0.0)
    with (
        ServerProcess(MODEL, "--log", str(tmp_path / "log")) as server,
        FaultProxy(server.port, faults, faults, seed=9) as proxy,
        Client(port=proxy.port, block_size=256, deadline_ms=PATIENT_MS) as client,
    ):
        stream = Stream(client, blocks).play()
        stats = client.stats()
    assert stats is not None and stats["lost"] > len(proxy.inward.lost) > 10
    said = play_again(tmp_path / "log", tmp_path / "again")
    played, _ = soundfile.read(tmp_path / "again" / "session-1.wav", dtype="float32")
    heard = joined(stream.answers, len(blocks), 256)[: len(played)]
    known = ~np.isnan(heard)
    assert known.mean() > 0.8 and "bit for bit" in said
    np.testing.assert_array_equal(heard[known], played[: len(heard)][known])


def test_far_from_the_loss_the_bass_is_as_without(server: ServerProcess, bundle: Bundle) -> None:
    """The model's memory and a new note after the last lost block nothing remembers the loss.

    Measured: the same samples from 1.2 s after it on; the memory (frames of the window and the CQT) is 1.0 s.
    """
    blocks = mix_blocks(WIDE, 6.0)
    with (
        FaultProxy(server.port, Faults(loss=0.2), seed=4) as proxy,
        Client(port=proxy.port, block_size=WIDE, deadline_ms=PATIENT_MS) as client,
    ):

        def calm(k: int) -> None:
            if k == RATE // WIDE:  # after a second
                proxy.inward.faults = Faults()

        stream = Stream(client, blocks).play(each=calm)
        latency = client.latency_samples
    last_lost = max(decode_audio(datagram, "f")[0] for datagram in proxy.inward.lost)
    heard, expected = joined(stream.answers, len(blocks), WIDE), offline(bundle, blocks)
    differs = np.flatnonzero(heard != expected)  # NaN does
    remembered_s = (differs[-1] - latency - last_lost * WIDE) / RATE
    print(f"{remembered_s:.2f} s after the last loss as without")  # noqa: T201
    assert len(differs) > RATE / 4  # or the test would say nothing
    assert remembered_s < 2.0


def test_a_pause_of_the_network_costs_no_sample(server: ServerProcess, bundle: Bundle) -> None:
    """0.3 s in which nothing passes, and all at once afterwards: nothing is late before it arrives."""
    blocks = mix_blocks(WIDE, 2.0)
    with (
        FaultProxy(server.port) as proxy,
        Client(port=proxy.port, block_size=WIDE, deadline_ms=PATIENT_MS) as client,
    ):
        stream = Stream(client, blocks).play(each=lambda k: proxy.pause(0.3) if k == 40 else None)
        stats = client.stats()
    assert stats is not None and (stats["lost"], stats["late"]) == (0, 0)
    np.testing.assert_array_equal(joined(stream.answers, len(blocks), WIDE), offline(bundle, blocks))


@pytest.mark.parametrize("n_newer", [4, 5, 30])
def test_a_straggler_is_lost_and_no_more(server: ServerProcess, bundle: Bundle, n_newer: int) -> None:
    """Blocks of 256 and 30 ms of jitter: one may come after five newer ones. It starts nothing anew."""
    blocks, slow = mix_blocks(256, 2.0), 200
    order = [
        *range(slow),
        *range(slow + 1, slow + 1 + n_newer),
        slow,
        *range(slow + 1 + n_newer, len(blocks)),
    ]
    with bound() as source:
        opened(source, server, block_size=256)
        answers = exchange(source, dict(enumerate(blocks)), order)
        source.send(wire.encode("/bassnet/bye"))
    heard, expected = joined(answers, len(blocks), 256), offline(bundle, blocks, [slow])
    known = ~(np.isnan(heard) | np.isnan(expected))
    assert known.mean() > 0.99
    np.testing.assert_array_equal(heard[known], expected[known])

"""Where the time of a session goes: the stopwatch, the proxy, the counted work, and a short real run."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from bassnet_osc.bench import graph_work, stages, stopwatch
from bassnet_osc.bench.graph_work import Peak, Work, counted, work_of
from bassnet_osc.bench.stages import BACK_TO_BACK, HOP, PACED, Session, profile, stages_in_words
from bassnet_osc.bench.stopwatch import (
    DECODER,
    FRONTEND,
    METHODS,
    MODEL_CALLS,
    REST,
    STAGES,
    SYNTH,
    Stopwatch,
    TimedModel,
    methods_timed,
    replaced,
)
from bassnet_osc.bundle import Bundle
from bassnet_osc.resample import Resampler
from bassnet_osc.spec import BassNetError


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def graph_of(nodes: list[Any], inputs: dict[str, list[int]], weights: dict[str, list[int]]) -> bytes:
    """A graph of these nodes that ends in `y`; weights are ones."""
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in inputs.items()]
    tensors = [onnx.numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in weights.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "by hand", ports, [output], tensors)
    opset = [helper.make_opsetid("", graph_work.PEAK_OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=graph_work.PEAK_IR)
    data: bytes = model.SerializeToString()
    return data


def test_each_stage_has_its_own_seconds_and_they_add_up(clock: Clock) -> None:
    watch = Stopwatch(clock)
    inner = watch.timed(SYNTH, partial(clock.work, 2.0))

    def outer() -> None:
        clock.work(1.0)
        inner()
        clock.work(4.0)

    started = clock.now
    watch.timed(REST, outer)()
    seconds = watch.take()
    assert seconds[SYNTH] == 2.0 and seconds[REST] == 5.0
    assert sum(seconds.values()) == clock.now - started
    assert set(watch.take().values()) == {0.0}


def test_what_passes_while_nothing_runs_is_nobodys(clock: Clock) -> None:
    watch = Stopwatch(clock)
    call = watch.timed(SYNTH, partial(clock.work, 1.0))
    call()
    clock.work(100.0)
    call()
    assert sum(watch.take().values()) == 2.0


def test_a_call_that_raises_ends_its_stage(clock: Clock) -> None:
    watch = Stopwatch(clock)

    def fails() -> None:
        clock.work(3.0)
        raise ValueError

    with pytest.raises(ValueError):
        watch.timed(SYNTH, fails)()
    assert watch.stage == REST and watch.take()[SYNTH] == 3.0


def test_the_proxy_times_the_calls_of_either_interface_and_passes_all_else_on(clock: Clock) -> None:
    watch = Stopwatch(clock)
    calls = {name: partial(clock.work, 1.0) for name in MODEL_CALLS}
    spec = object()
    model = TimedModel(SimpleNamespace(spec=spec, warm_up=partial(clock.work, 50.0), **calls), watch)
    assert model.spec is spec
    for name in MODEL_CALLS:
        getattr(model, name)()
    model.warm_up()
    seconds = watch.take()
    assert seconds[FRONTEND] == 1.0 and seconds[DECODER] == 2.0  # factors and decode
    assert sum(seconds.values()) == len(MODEL_CALLS)
    with pytest.raises(AttributeError):
        _ = model.nothing


def test_methods_are_what_they_were_afterwards_even_where_it_fails(clock: Clock) -> None:
    before = {(owner, name): vars(owner)[name] for owner, name, _ in METHODS}
    with pytest.raises(ValueError), methods_timed(Stopwatch(clock)):
        assert all(vars(owner)[name] is not method for (owner, name), method in before.items())
        raise ValueError
    assert all(vars(owner)[name] is method for (owner, name), method in before.items())


def test_an_inherited_method_is_replaced_where_it_is_defined() -> None:
    class Narrower(Resampler):
        """Inherits process."""

    with replaced(Narrower, "process", lambda method: lambda *_: "replaced"):
        assert Resampler.process(None, None) == "replaced"  # type: ignore[arg-type]
    assert "process" not in vars(Narrower)


def test_multiply_adds_are_those_computed_by_hand() -> None:
    """A grouped and strided convolution, then Gemm with a transposed weight, then MatMul."""
    nodes = [
        helper.make_node("Conv", ["x", "k", "c"], ["h"], strides=[2], pads=[1, 1], group=2),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Flatten", ["r"], ["f"]),
        helper.make_node("Gemm", ["f", "g", "d"], ["m"], transB=1),
        helper.make_node("MatMul", ["m", "w"], ["y"]),
    ]
    weights = {"k": [6, 2, 3], "c": [6], "g": [7, 30], "d": [7], "w": [7, 5]}
    graph = graph_of(nodes, {"x": [3, 4, 10]}, weights)
    conv = 3 * 6 * 5 * (2 * 3)  # batch, channels, places; terms: channels of a group, kernel
    gemm, matmul = 3 * 7 * 30, 3 * 5 * 7
    expected = Work(conv + gemm + matmul, 4 * (36 + 6 + 210 + 7 + 35))
    assert counted(graph, {"x": np.zeros((3, 4, 10), np.float32)}) == expected


def test_a_transposed_first_matrix_counts_the_same() -> None:
    graph = graph_of([helper.make_node("Gemm", ["x", "w"], ["y"], transA=1)], {"x": [8, 3]}, {"w": [8, 5]})
    assert counted(graph, {"x": np.zeros((8, 3), np.float32)}).multiply_adds == 3 * 5 * 8


def test_what_multiplies_nothing_counts_nothing() -> None:
    graph = graph_of([helper.make_node("Mul", ["x", "w"], ["y"])], {"x": [8]}, {"w": [8]})
    assert counted(graph, {"x": np.zeros(8, np.float32)}) == Work()


def test_the_peak_is_the_best_of_all_and_lacks_the_product_without_onnx(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph_work, "PEAK_READ", 1 << 16)
    monkeypatch.setattr(graph_work, "PEAK_SIZE", 32)
    peak = Peak()
    assert peak.gflops is None and peak.gbytes is None
    peak.measure()
    first = peak.gflops, peak.gbytes
    peak.measure()
    assert all(now >= then > 0 for now, then in zip((peak.gflops, peak.gbytes), first, strict=True))
    monkeypatch.setitem(sys.modules, "onnx", None)  # type: ignore[arg-type]
    peak = Peak()
    peak.measure()
    assert peak.gflops is None and peak.gbytes


def test_every_stage_is_seen_and_the_graphs_belong_to_theirs(probe_folder: Path) -> None:
    bundle = Bundle.load(str(probe_folder), "cpu")
    watch = Stopwatch()
    session = Session(bundle, watch)
    with methods_timed(watch):
        for _ in range(session.n_warm):
            seconds = session.hop()
    assert set(seconds) == set(STAGES) and all(taken > 0 for taken in seconds.values())
    work = work_of(session.hop, lambda: watch.stage, probe_folder)
    assert set(work) == {FRONTEND, DECODER}
    cqt, hop = bundle.spec.cqt, bundle.spec.window.hop
    plain = 2 * hop * sum(cqt.kernel_lengths)  # real and imaginary part of each bin's kernel, each frame
    assert plain / 5 < work[FRONTEND].multiply_adds < plain / 2  # decimated: 0.33 of them, measured
    assert 0 < work[FRONTEND].weight_bytes < 4 * plain / hop / 2


def test_timing_changes_nothing_that_is_played(probe_folder: Path) -> None:
    bundle = Bundle.load(str(probe_folder), "cpu")
    sent: list[list[bytes]] = []
    for is_timed in (False, True):
        watch = Stopwatch()
        session = Session(bundle, watch)
        encode, answers = session._encode, []

        def kept(*args: Any, encode: Any = encode, answers: Any = answers) -> None:
            answers.append(encode(*args))

        session._encode = kept
        with methods_timed(watch, METHODS if is_timed else ()):
            for _ in range(session.n_warm):
                session.hop()
        sent.append(answers)
    assert sent[0] == sent[1] and len(sent[0]) == session.n_warm * session.n_blocks


def test_a_short_profile_tells_all_and_its_words_are_aligned(
    probe_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_work, "PEAK_READ", 1 << 20)
    found = profile(str(probe_folder), "cpu", 1.0)
    for run in (BACK_TO_BACK, PACED):
        told = found["runs"][run]
        assert set(told) == {*STAGES, HOP}
        assert all(0 < cell["p50_ms"] <= cell["p99_ms"] for cell in told.values())
        parts = sum(told[stage]["share"] for stage in STAGES)
        assert told[HOP]["share"] == pytest.approx(parts)  # means add up
    assert found["hop_ms"] == 20.0 and found["n_blocks"] == 2
    lines = stages_in_words(found).splitlines()
    table = lines[3 : 5 + len(STAGES) + 1]
    assert [line.split()[0] for line in table[2:]] == [*STAGES, HOP]
    assert len({len(line) for line in table}) == 1
    efforts = lines[lines.index("", 3) + 1 :]
    assert [line.split()[0] for line in efforts[2:4]] == [FRONTEND, DECODER]
    assert len({len(line) for line in efforts[:4]}) == 1
    assert max(map(len, lines)) <= 110


def test_a_paced_turn_waits_for_its_sound_and_the_other_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(stages, "time", SimpleNamespace(perf_counter=clock, sleep=clock.work))
    begun: list[float] = []

    def hop() -> dict[str, float]:
        begun.append(clock.now)
        clock.work(0.005 if len(begun) % 4 else 0.03)  # the fourth is late, and those after it catch up
        return {}

    session: Any = SimpleNamespace(hop=hop, hop_s=0.02)
    stages._turn(session, 6, is_paced=True)
    assert begun == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.11, 0.12])
    begun.clear()
    started = clock.now
    stages._turn(session, 3, is_paced=False)
    assert clock.now - started == pytest.approx(0.015)


def test_without_a_peak_there_are_no_shares_of_it() -> None:
    cell = {"p50_ms": 2.0, "p99_ms": 3.0, "share": 0.1}
    run = dict.fromkeys((*STAGES, HOP), cell)
    found = {
        "model": "m", "provider": "p", "sample_rate": 48000, "block_size": 480, "format": "f", "hop_ms": 20.0,
        "n_blocks": 2, "seconds": 1.0, "runs": {BACK_TO_BACK: run, PACED: run},
        "work": {DECODER: {"multiply_adds": 10_000_000, "weight_bytes": 4_000_000}},
        "peak": {"gflops": None, "gbytes": None},
    }  # fmt: skip
    words = stages_in_words(found)
    row = next(line for line in words.splitlines() if line.startswith("decoder") and "20.00" in line)
    assert row.split() == ["decoder", "20.00", "4.000", "10.00", "-", "2.00", "-", "10.00", "-", "2.00", "-"]
    assert "peak: not measured" in words
    found["peak"] = {"gflops": 100.0, "gbytes": 20.0}
    assert stages_in_words(found).count("10.0 ") >= 2  # percent of either peak
    found["peak"] = {"gflops": None, "gbytes": 20.0}
    assert "pip install onnx" in stages_in_words(found)


@pytest.mark.parametrize("seconds", [0.0, 0.99, 601.0, float("nan")])
def test_seconds_out_of_range_are_refused(seconds: float) -> None:
    with pytest.raises(BassNetError, match=r"--seconds of a profile must be 1 to 600"):
        profile("groove-live", "cpu", seconds)


def test_the_bench_loads_neither_torch_nor_onnx_runtime() -> None:
    code = "import sys, bassnet_osc.bench.stages, bassnet_osc.bench.neighbours\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert not loaded & {
        "torch",
        "training",
        "export",
        "librosa",
        "scipy",
        "nnAudio",
        "pesto",
        "onnx",
        "onnxruntime",
    }


def test_stages_have_one_name_each() -> None:
    assert {stage for _, _, stage in METHODS} | set(MODEL_CALLS.values()) <= set(STAGES)
    assert stopwatch.STAGES[-1] == REST

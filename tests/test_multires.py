"""Figure 2 of the paper, the size formula, and compress/expand as mutual inverses where nothing is lost."""

import pytest
import torch

from bassnet_osc.overlap_add import hann
from bassnet_osc.spec import BassNetError, WindowSpec
from training.multires import compress, compress_f0, expand, max_pair

CENTRE = WindowSpec(n_steps=4, window_frames=16, anchor="centre", taper=4, skip=6)
END = WindowSpec(n_steps=4, window_frames=16, anchor="end", taper=4, skip=0)
WINDOWS = [
    CENTRE,
    END,
    WindowSpec(),
    WindowSpec(n_steps=40, window_frames=640, anchor="centre"),
    WindowSpec(n_steps=10, window_frames=10),
]


def test_figure_2_keeps_the_centre_and_averages_the_sides() -> None:
    channels = compress(torch.arange(16.0)[None], CENTRE)[0]
    assert channels.numel() == 12
    assert channels.tolist() == [[6, 7, 8, 9], [4.5, 6.5, 8.5, 10.5], [1.5, 5.5, 9.5, 13.5]]
    expanded = expand(channels[None], CENTRE)[0].tolist()
    assert expanded == [1.5] * 4 + [4.5] * 2 + [6, 7, 8, 9] + [10.5] * 2 + [13.5] * 4


def test_end_anchor_keeps_the_newest_frames() -> None:
    channels = compress(torch.arange(16.0)[None], END)[0]
    assert channels.tolist() == [[12, 13, 14, 15], [8.5, 10.5, 12.5, 14.5], [1.5, 5.5, 9.5, 13.5]]
    expanded = expand(channels[None], END)[0].tolist()
    assert expanded == [1.5] * 4 + [5.5] * 4 + [8.5] * 2 + [10.5] * 2 + [12, 13, 14, 15]


@pytest.mark.parametrize(
    ("a", "b", "n_elements"), [(4, 16, 12), (4, 128, 24), (2, 16, 8), (8, 16, 16), (10, 640, 70)]
)
def test_size_formula(a: int, b: int, n_elements: int) -> None:
    """a (log2(b / a) + 1) elements (section 4.3's own examples: 12 of 16, 24 of 128)."""
    spec = WindowSpec(n_steps=a, window_frames=b, taper=4, skip=0)
    assert compress(torch.zeros(1, b), spec).numel() == n_elements


@pytest.mark.parametrize("spec", WINDOWS)
def test_expand_then_compress_loses_nothing(spec: WindowSpec) -> None:
    """Expanded channels are constant within each step: compressing them again gives them back."""
    torch.manual_seed(0)
    window = torch.randn(2, spec.window_frames, 3)
    once = expand(compress(window, spec), spec)
    torch.testing.assert_close(expand(compress(once, spec), spec), once, rtol=0, atol=1e-6)
    torch.testing.assert_close(once.mean(1), window.mean(1), rtol=0, atol=1e-6)


def test_onsets_survive_by_maximum() -> None:
    onset = torch.zeros(1, 16)
    onset[0, 3] = 1.0
    assert compress(onset, END, max_pair)[0].tolist() == [[0] * 4, [0] * 4, [1, 0, 0, 0]]


def test_f0_takes_the_middle_voiced_frame() -> None:
    f0 = torch.tensor([[9, 9, 1, 2] + [9] * 4 + [9, 5, 6, 7] + [9, 9, 9, 3]])
    assert compress_f0(f0, END, unvoiced=9)[0].tolist() == [[9, 9, 9, 3], [5, 6, 9, 3], [1, 9, 6, 3]]


@pytest.mark.parametrize("n", [4, 6, 8, 12, 20, 40])
def test_hann_sums_to_one_at_half_overlap(n: int) -> None:
    taper = torch.tensor(hann(n))
    torch.testing.assert_close(taper[: n // 2] + taper[n // 2 :], torch.ones(n // 2, dtype=taper.dtype))
    assert taper[0] == 0 and taper[n // 2] == 1


def test_hann_of_four_is_as_the_design_says() -> None:
    assert hann(4).tolist() == pytest.approx([0, 0.5, 1, 0.5])


@pytest.mark.parametrize(
    "bad", [{"n_steps": 5}, {"window_frames": 70}, {"taper": 2}, {"taper": 5}, {"skip": 77}]
)
def test_impossible_windows_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(BassNetError, match=r"window|taper"):
        WindowSpec(**bad)

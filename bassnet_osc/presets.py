"""The analyses that models are trained with: `live`, `studio` and the paper's, and their window sizes.

Flow: spec ◀ presets ◀ training, export.
"""

from __future__ import annotations

import dataclasses

from bassnet_osc.spec import CqtSpec, DescriptorSpec, Spec, WindowSpec

# The windows a/b of section 5.3, in the order of Tables 1 and 2.
PAPER_WINDOWS = ((10, 10), (20, 20), (40, 40), (10, 20), (10, 40), (20, 40), (10, 640), (20, 640), (40, 640))
PAPER_MAPS = 128  # feature maps of section 5.3


def live() -> Spec:
    """Causal kernels, end-anchored 10/80 windows: 50 ms plus the resampler (design of this project)."""
    return Spec()


def studio() -> Spec:
    """The paper's analysis: centred constant-Q kernels, centre-anchored 20/40 windows; for files."""
    return Spec(
        cqt=CqtSpec(alignment="centred", gamma=0.0),
        window=WindowSpec(n_steps=20, window_frames=40, anchor="centre", taper=20, skip=10),
    )


def paper() -> Spec:
    """The paper's data as well (sections 4.1, 4.2, 5.3): a normalised mix, estimated targets; 10/40."""
    return Spec(
        cqt=CqtSpec(alignment="centred", gamma=0.0, reference="peak"),
        window=WindowSpec(n_steps=10, window_frames=40, anchor="centre", taper=10, skip=15),
        # 80 dB below the loudest moment is where librosa's power_to_db ends.
        descriptor=DescriptorSpec(source="estimators", reference="peak", level_floor_db=-80.0),
    )


PRESETS = {"live": live, "studio": studio, "paper": paper}


def resized(spec: Spec, n_steps: int, window_frames: int) -> Spec:
    """The spec with a window a/b of another size; a centred one plays its finest frames."""
    taper, skip = spec.window.taper, spec.window.skip
    if spec.window.anchor == "centre":
        taper, skip = n_steps, (window_frames - n_steps) // 2
    window = WindowSpec(n_steps, window_frames, spec.window.anchor, taper, skip)
    return dataclasses.replace(spec, window=window)


def anticipating(spec: Spec) -> Spec:
    """The spec with targets as far in the future as its windows are late: what is played is heard on time."""
    window = dataclasses.replace(spec.window, ahead=spec.window.latency_frames + 1)
    return dataclasses.replace(spec, window=window)


def with_maps(spec: Spec, n_maps: int) -> Spec:
    """The spec with a model of so many feature maps: a quarter of the work for half of them."""
    return dataclasses.replace(spec, model=dataclasses.replace(spec.model, n_maps=n_maps))


def widened(spec: Spec, gamma: float) -> Spec:
    """The spec with kernels whose bands are `gamma` Hz wider than constant-Q ones: shorter at low pitches."""
    return dataclasses.replace(spec, cqt=dataclasses.replace(spec.cqt, gamma=gamma))

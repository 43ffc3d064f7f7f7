"""The words of RESULTS.md around its tables.

Flow: prose ◀ tables.
"""

from __future__ import annotations

from bassnet_osc.presets import studio
from training.metrics import DELAYS, NEIGHBOURS
from training.places import EVERY_FRAMES
from training.results import TEST_SONGS

NOT_RUN = "not run"
VALIDATION_SONGS = 20  # of each data folder ...
VALIDATION_SONGS_SMALL, FEW_SONGS = 10, 100  # ... and of those with fewer training songs than that
AGREEMENT = "agreement-a1.json"  # the figures of training.agreement, in training/results
FRAME_MS = 1000 / studio().cqt.frame_rate
REACH_S = studio().cqt.left / studio().cqt.sample_rate  # of the lowest kernel, to each side

HEAD = f"""# Results

The tables and figures of M. Grachten, S. Lattner, E. Deruty: BassNet, Applied Sciences 10 (2020) 6627,
sections 6.1 to 6.4, with the numbers of this project's models beside the paper's. This file is written
by

```sh
python -m training.evaluate --all
```

from the models in `training/results`, each of them made by the commands in the last table. It renders
what is missing of {TEST_SONGS} test songs per data set, which no model has seen and which choose
nothing, and cuts a window every {EVERY_FRAMES} frames. The paper's own numbers are of validation songs
that also ended its training early. Its pop and rock songs are not public: their columns are left out.

Several models that differ in their seed alone: mean ± sample standard deviation (number of models). One
model: its number. Models of other settings have a line of their own, named by what they differ in ("no ...":
a setting that was not there yet when the model was trained). A window a/b has a steps and b frames of
{FRAME_MS:g} ms. `paper` is the paper's analysis and its targets: centred constant-Q kernels, a normalised
mix, CREPE and madmom. `studio` is the same analysis with exact targets. `live` hears the past alone: its
kernels are causal, and the full resolution lies at the newest frames. `{NOT_RUN}`: there is no such model.
"""

ESTIMATED = f"""## How good are the estimated targets

What `paper` learns from, beside what the notes of the songs say, measured by

```sh
python -m training.agreement --data data/a1 --json training/results/{AGREEMENT}
```
"""

NOT_MEASURED = f"{NOT_RUN}\n"

TABLE_1 = """## Table 1: cross-entropy

How each loss is averaged. Level and onset: binary cross-entropy, the mean over all windows and steps.
f0: categorical cross-entropy, the mean over all voiced steps. z is the mean of its posterior (Equation
10). "Finest" is the channel of full resolution alone, which is what one hears; "all" is every channel of
the multi-resolution window. The paper says neither which of the two its numbers are nor what it does
with unvoiced steps. Logarithms are natural.

A level or onset target between 0 and 1 has an entropy of its own, below which no model can come: the
floor (here that of the finest channel). What a loss has above its floor is the model's error. The
paper's floors are not known.
"""

EXACT = """### Exact targets, without comparison

f0 and onsets are the notes' own, and the level of `live` and `studio` is that below full scale: other
targets, other losses. "pitch": the share of voiced finest steps whose f0 is right within a bin.
"""

TABLE_2 = f"""## Table 2: accuracy of the quadratic classifier

A quadratic classifier reads the bass pattern off z. It is fitted on the first half of the test songs and
scored on the other half. "Settled": scored on those windows alone within whose frames the pattern does
not change. "Ceiling": what an ideal listener would score who knows the beat, the chords and the
patterns, and hears of the bass exactly the window's frames. Centred constant-Q kernels hear beyond the
window, the lowest ones {REACH_S:.2f} s to each side, so that centred models may exceed it.
"""

LIVE = f"""### Live and studio models

The label of a live model's window is the pattern at its newest frame: when the pattern changes, the
window holds no evidence of it yet. "Delayed": a classifier fitted and scored on the pattern some frames
earlier. The delay, in steps of {DELAYS.step} frames up to {DELAYS[-1]}, is the one that suits the first
half of the songs best; it tells by how much z lags behind.
"""

TABLE_3 = """## Table 3: without cross-reconstruction

The ablation of section 6.3: each window is rebuilt from its own z ("regular"), and there is no
cross-divergence.
"""

PITCH = f"""### What z tells of the pitch

Section 6.3 finds that without cross-reconstruction z sometimes follows other things than the patterns, such
as the absolute pitch of mix and bass. Here that is measured, at the frame that labels a window, by the
{NEIGHBOURS} windows of the first half of the test songs with the nearest z; the other half is scored. R² of
the bass's f0 (as a number of bins, where there is one) and of the chord's root (as a MIDI number): 1 where z
tells it, 0 where it is no better than the mean. "Chord note": how often z tells which degree above the root
the bass plays. A pattern by itself tells something of f0 and nothing of the root.

Where "regular" has the higher R², it agrees with the paper: z holds more of the absolute pitch. It may tell
the chord note beside that and still not the pattern: on A2 and A3 both patterns play root and fifth. On A1
each pattern plays a note of its own, so that a z that tells the note tells the pattern. Two things stay
unexplained: that the paper's z does not do so on A1 (0.445 at 40/40), and that ours tells the patterns of A3
at 40/40, though not at 10/40, where the paper's does not (0.530). It may be our enc_z, which pools its
product over time and frequency: a guess, no other one was tried.
"""

ORIGIN = """## What made each row

Each row has the commands that render its songs and the one that trained it. `steps` are those of the kept
model. Minutes are of training, with its validations. Features: how many songs for training and validation
had none yet when the run began, and how long it took to compute them, which comes on top of the minutes;
CREPE and madmom of `paper` take longest. "before": they were there, or an older run did not count them. Song
i of a split is the same however many there are. OMP_NUM_THREADS: other numbers of threads round differently.
Two runs shared two cores, so that minutes on an idle machine are fewer.
"""

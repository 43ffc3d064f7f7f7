"""The sentences of a listening report, and the paper's numbers that stand in it.

Flow: listen_prose ◀ listen_report.
"""

from __future__ import annotations

# Table 1 of the paper, column PR: the lowest and the highest of its nine windows.
PAPER_LOSSES = {"f0": (1.707, 1.767), "level": (0.509, 0.515), "onset": (0.263, 0.351)}

HEAD = """\
{seconds:g} seconds from the middle of each song, whose bass is taken out. Chords are the song's own in \
{known} of the {songs} songs. Numbers are means over the songs, ± a standard error where one is told.
"""
ESTIMATED = """\
Chords and scales of songs that do not tell theirs are estimated from the mix: chroma of half seconds \
against 24 triads, and Krumhansl's key profiles. The root follower plays by the same chroma, so that its \
chord tones say little there.
"""
DELAYS = """\
Times are of the changes that were followed. The latency of the stream, {latency_ms:.1f} ms, comes on top \
for the models.
"""
SWEEP = """\
Intervals in semitones above the chord's root, which is put from C3 to B3. The places lie at the 10th, 50th \
and 90th percentile of the latents of all songs. Songs: {songs}.
"""
LOSSES = """\
Different data, targets and channels: the paper's songs are pop and rock recordings with estimated targets, \
its losses over all resolutions. z comes from the window itself, as the paper's does. Each song counts \
the same here; the figures over all windows of all songs together are in the bundle's `model.json`.
"""
DEFINITIONS = """\
- **pitch class of the true bass**: share of the frames (10 ms) where both sound in which the pitch classes \
are equal; **octave**: share of these in which the octave is, too.
- **coverage**: share of the true bass's sounding frames in which the system sounds; **sounding F1** weighs \
that with how often it sounds where the true bass does not.
- **chord tones, scale tones**: share of the system's sounding frames whose pitch class is one of the \
sounding chord or of the scale; **on the root**: of its root. The true bass's is what a player of every \
chord's root would have in the first column.
- **onset F1**: mir_eval's; each onset is matched once. **register**: median pitch.
- **time from a chord change**: to the first 50 ms at the pitch class which the true bass first begins in \
that chord, over the changes before which the system was not there already.
- **z inferred**: for each run of bars with one bass pattern, the medoid of the encoder's latents in the \
other runs of the same pattern of the song, or of all other runs where there is none; a song without bars \
has two halves.
- **z fitted**: the best of 49 places of z by the likelihood of the very bass that is to be played: a \
ceiling.
- **root follower**: the root of the best of 24 triads on librosa's chroma, in the octave from E1, at each \
strong onset of the mix; silent where the mix is. It hears half a second ahead.
- Models play through the product's own stream, causally; z moves with the runs of bars.
"""

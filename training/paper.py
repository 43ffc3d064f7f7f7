"""Tables 1 to 3 of the paper as data.

M. Grachten, S. Lattner, E. Deruty: BassNet, Applied Sciences 10 (2020) 6627.

The columns of its pop and rock songs, which nobody else has, are left out. Its numbers are of validation
songs, which also ended its training early.

Flow: paper ◀ tables.
"""

from __future__ import annotations

DATA_SET_NAMES = ("A1", "A2", "A3", "A4")
ABLATION_WINDOW = (40, 40)  # of Table 3 and Figure 6
RELATIVE_PITCH_WINDOW = (10, 80)  # of Figure 8

# Window a/b -> for each data set the cross-entropy of f0, level and onset.
LOSSES: dict[tuple[int, int], tuple[tuple[float, float, float], ...]] = {
    (10, 10): ((0.263, 0.479, 0.050), (0.255, 0.480, 0.064), (0.438, 0.479, 0.138), (0.551, 0.510, 0.082)),
    (20, 20): ((0.297, 0.479, 0.082), (0.293, 0.480, 0.094), (0.249, 0.479, 0.090), (0.486, 0.509, 0.088)),
    (40, 40): ((0.312, 0.480, 0.075), (0.284, 0.480, 0.068), (0.268, 0.479, 0.086), (0.487, 0.504, 0.094)),
    (10, 20): ((0.282, 0.479, 0.132), (0.271, 0.480, 0.146), (0.383, 0.479, 0.090), (0.557, 0.513, 0.086)),
    (10, 40): ((0.308, 0.479, 0.087), (0.294, 0.482, 0.192), (0.295, 0.479, 0.115), (0.419, 0.498, 0.086)),
    (20, 40): ((0.288, 0.479, 0.080), (0.265, 0.480, 0.123), (0.279, 0.479, 0.086), (0.421, 0.497, 0.081)),
    (10, 640): ((0.676, 0.480, 0.168), (0.621, 0.480, 0.142), (0.634, 0.481, 0.215), (0.986, 0.537, 0.169)),
    (20, 640): ((0.632, 0.480, 0.141), (0.661, 0.480, 0.160), (0.542, 0.479, 0.151), (0.738, 0.533, 0.118)),
    (40, 640): ((0.618, 0.480, 0.132), (0.655, 0.480, 0.129), (0.644, 0.518, 0.313), (0.732, 0.523, 0.112)),
}

# Window a/b -> for each data set the accuracy of the quadratic classifier.
ACCURACIES: dict[tuple[int, int], tuple[float, ...]] = {
    (10, 10): (0.999, 0.996, 0.515, 0.982),
    (20, 20): (1.000, 0.998, 0.999, 0.985),
    (40, 40): (1.000, 0.996, 1.000, 0.999),
    (10, 20): (0.999, 1.000, 0.540, 0.988),
    (10, 40): (0.991, 0.991, 0.995, 0.993),
    (20, 40): (1.000, 0.994, 0.996, 0.999),
    (10, 640): (0.965, 0.551, 0.536, 0.729),
    (20, 640): (0.975, 0.560, 0.526, 0.912),
    (40, 640): (0.965, 0.599, 0.554, 0.919),
}

# Table 3: the same at 40/40, trained without cross-reconstruction.
ACCURACIES_WITHOUT_CROSS = (0.445, 0.564, 0.530, 0.801)

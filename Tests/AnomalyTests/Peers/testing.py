"""Recomputes the reference numbers of MultipleTestingTests.swift.

    python3 -m venv venv && venv/bin/pip install scipy
    venv/bin/python testing.py

Made with scipy 1.17.1.
"""

from scipy import stats

PAIRS = [
    ([1.0, 2, 3, 4], [3.5, 4.5, 5.5, 6.5, 7.5]),
    ([1.29, 1.45, 0.07, -0.76, -1.09, 0.03, -1.02],
     [-0.44, 1.2, 1.13, 1.55, 0.09, 1.01, 0.94, -0.51, 1.54, 1.32, 3.39, 1.2]),
    ([0.0, 1, 1, 2, 2, 2, 5, 6], [1.0, 2, 3, 3, 4, 4, 7]),
    ([float(i) for i in range(50)], [i * 1.5 + 10 for i in range(40)]),
]
for a, b in PAIRS:
    result = stats.ks_2samp(a, b, method="exact")
    print(repr(float(result.statistic)), repr(float(result.pvalue)))

P = [0.01, 0.04, 0.03, 0.005, 0.6, 0.03]
print(stats.false_discovery_control(P).tolist())

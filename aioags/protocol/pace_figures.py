"""
The figures that pacing goes by, and why each is what it is.
"""

from __future__ import annotations

from math import log

# First window, and the largest after a hold that was asked for. Canvas says of sequential use that it is practically
# never throttled, and takes about a dozen at once (doc/api/throttling.md): four is safe anywhere, and 32 is three
# rounds away.
START = 4
# Fewest answers of a round: below that, chance decides. At least so many for a step or a look to be believed; and so
# many that by then a doubtful one is decided either way, and older ones fade.
ROUND, SURE, MOST = 8, 32, 96
# Slower than this factor at twice the window: two windows carry less than 1.33 times as much as one.
SLOWER = log(1.5)
# Seconds. Below this nobody waits, and what is measured is our own event loop: 32 in flight at 1,500/s take 21 ms.
QUICK = 0.025
# Queue to keep in front of a saturated platform, so that it is never idle between two requests.
HEADROOM = 1.2
# Answers after which to look again: when slower, and without cause. A look costs half of 32 answers, 0.5 % of 3,000.
LOOK_AGAIN, LOOK_ANYWAY = 256, 3000
# Patience: a hundred answers for each throttled one, and ten seconds for each second lost. That is doubled with each
# failed step, up to eight times, so steps that fail cost 5 % of the time at first and 1.3 % in the end. The most and
# the longest say how late it may be noticed that a platform can do more.
ANSWERS_PER_THROTTLE, MOST_ANSWERS = 100, 1000
PATIENCE, LONGEST_PATIENCE = 10.0, 60.0
# Strikes until the window is acquitted: a step that failed, or doubling, and then the edge twice.
STRIKES = 4
# What a spaced platform is given of the rate that it was measured to accept; and how a gap shortens in one round.
SHARE, SHORTER = 0.95, 0.9
# Pauses without a hint: the platform's own latency within these bounds, doubled for each cut in a row.
SHORTEST_PAUSE, FIRST_PAUSE = 0.05, 1.0
# A window that was not used for so long says little about now.
IDLE = 60.0
# Timers fire early by the clock's resolution.
TICK = 1e-6

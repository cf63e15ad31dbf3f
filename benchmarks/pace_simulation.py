"""
What adaptive pacing makes of model platforms, against the best fixed window of the same platform.

    python benchmarks/pace_simulation.py [--seeds 10]

Virtual time: the figures are the same on every machine. Columns: the fixed window that gets most through while it is
throttled less than 2 % of the time; the one that gets most through at any price, with what share throttled; the pacer's
throughput as a share of the first and of the second, the worst seed and the mean of all; its worst throttled share.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.unit.pace_models import FAR_AWAY, SCENARIOS, Scenario, best_fixed, paced

HEADINGS = (
    f"{'platform':42}  {'best fixed window':>17}  {'at any price':>23}  {'paced: worst, mean':>18}"
    f"  {'of any':>6}  {'throttled':>9}"
)


def row(scenario: Scenario, seeds: int) -> str:
    """
    Measure one platform.
    """
    window, best = best_fixed(scenario)
    rude_window, rude = best_fixed(scenario, most_throttled=2.0)
    outcomes = [paced(scenario, seed) for seed in range(seeds)]
    shares = [outcome.throughput / best.throughput for outcome in outcomes]
    mean = sum(outcome.throughput for outcome in outcomes) / seeds
    throttled = max(outcome.throttled for outcome in outcomes)
    return (
        f"{scenario.name:42}  {best.throughput:8.1f}/s at {window:>3}  "
        f"{rude.throughput:6.1f}/s at {rude_window:>2} ({rude.throttled:4.0%})  "
        f"{min(shares):11.3f}, {sum(shares) / seeds:.3f}  {mean / rude.throughput:6.3f}  {throttled:9.2%}"
    )


def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(description="Adaptive pacing against the best fixed window, simulated.")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each platform")
    seeds = parser.parse_args().seeds
    print(HEADINGS)
    for scenario in SCENARIOS:
        print(row(scenario, seeds), flush=True)
    print("\nFar away, where what the platform has in hand is not what is in flight:")
    for scenario in FAR_AWAY:
        print(row(scenario, seeds), flush=True)


if __name__ == "__main__":
    main()

"""
What a higher ceiling gets from model platforms, and what it costs them and others.

    python benchmarks/pace_ceilings.py [--seeds 3] [--ceilings 32 64 128]

Virtual time: the figures are the same on every machine. Two minutes of one caller, and of a visitor who asks for five
pages a second. Columns: the caller's throughput and throttled share in the second minute; its refusals in the first
half minute; the visitor's mean wait in the first 20 seconds and after them, and what share of the pages was refused.
Means of all seeds. With ceiling 0 the visitor is alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parent.parent))

from aioags.model.policy import Pace
from aioags.protocol.pace import Pacer
from tests.unit.pace_models import (
    Caller,
    CanvasBucket,
    Cliff,
    Platform,
    Quota,
    Servers,
    Steady,
    TokenBucket,
    Visitor,
    World,
)

# A visitor would take from a bucket what the caller is measured by; there nobody comes.
QUIET = (CanvasBucket, Quota, TokenBucket)
PLATFORMS: dict[str, Callable[[], Platform]] = {
    "always 50 ms": lambda: Steady(0.05),
    "8 workers of 200 ms, endless queue": lambda: Servers(8, 0.2),
    "40 workers of 200 ms, endless queue": lambda: Servers(40, 0.2),
    "40 workers of 50 ms, endless queue": lambda: Servers(40, 0.05),
    "100 workers of 200 ms, endless queue": lambda: Servers(100, 0.2),
    "200 workers of 200 ms, endless queue": lambda: Servers(200, 0.2),
    "40 workers, then 429": lambda: Servers(40, 0.2, queue=0),
    "100 workers, then 429": lambda: Servers(100, 0.2, queue=0),
    "cliff at 40, half as long again for each": lambda: Cliff(40, 0.2, 0.5),
    "token bucket 60/s, burst 60": lambda: TokenBucket(60.0, 60.0, 0.2),
    "token bucket 300/s, burst 300": lambda: TokenBucket(300.0, 300.0, 0.1),
    "Canvas as documented": lambda: CanvasBucket(0.3, 0.1, strict=True),
    "Canvas's source": lambda: CanvasBucket(0.3, 0.1),
    "5,000 a minute, told in headers": lambda: Quota(50_000.0, 60.0, 0.1, cost=10.0, told=True),
}


def measure(make: Callable[[], Platform], ceiling: int, seed: int) -> tuple[float, ...]:
    """
    Play two minutes.
    """
    world, platform = World(seed), make()
    caller = Caller(world, Pacer(Pace(ceiling=max(ceiling, 1))), platform)
    visitor = Visitor(world, platform)
    if ceiling:
        world.later(0.0, caller.pump)
    quiet = isinstance(platform, QUIET)
    if not quiet:
        world.later(0.0, visitor.visit)
    world.run(120.0)
    steady, first = caller.measure(60.0, 120.0), caller.measure(0.0, 30.0)
    refusals = first.throttled * sum(when < 30.0 for when, _ in caller.answers)
    if quiet:
        return steady.throughput, steady.throttled, refusals, 0.0, 0.0, 0.0
    refused = visitor.refused / (visitor.refused + len(visitor.waits))
    return (
        steady.throughput,
        steady.throttled,
        refusals,
        visitor.mean_wait(0.0, 20.0),
        visitor.mean_wait(20.0, 120.0),
        refused,
    )


def main() -> None:
    """
    Print the table.
    """
    parser = argparse.ArgumentParser(description="Ceilings of the window compared, simulated.")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each platform")
    parser.add_argument("--ceilings", type=int, nargs="+", default=[0, 32, 64, 128])
    arguments = parser.parse_args()
    print(
        f"{'platform':42} {'ceiling':>7} {'a second':>9} {'throttled':>9} {'refusals':>8}"
        f" {'visitor: at first':>17} {'later':>8} {'refused':>7}"
    )
    for name, make in PLATFORMS.items():
        for ceiling in arguments.ceilings:
            runs = [measure(make, ceiling, seed) for seed in range(arguments.seeds)]
            rate, throttled, refusals, early, late, refused = map(mean, zip(*runs, strict=True))
            print(
                f"{name:42} {ceiling:7} {rate:9.1f} {throttled:9.2%} {refusals:8.1f}"
                f" {1000 * early:14.0f} ms {1000 * late:5.0f} ms {refused:7.2%}",
                flush=True,
            )


if __name__ == "__main__":
    main()

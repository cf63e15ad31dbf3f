"""
What ten thousand schools cost: CPU per score, a new token, and the memory of an idle platform.

    python benchmarks/many_platforms.py [--platforms 10 1000 10000] [--scores 10] [--rounds 3] [--quick]

As many registrations, each of a host of its own, share one key (parsing keys is not measured) and a transport that
answers at once. All get one score, which takes a token, and then the rest, one score of each in turn. Printed for each
number: CPU per score and per new token, the median of the rounds; what one platform holds afterwards beyond its
`Registration` (tracemalloc). The exit status is 1 when a score costs more than 1.3 times, or a token more than 1.5
times, of that among the fewest, or a platform holds more than 4 KiB. `--quick`: fewer, and only memory is judged.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
import tracemalloc
from pathlib import Path
from statistics import median

import attrs

sys.path.insert(0, str(Path(__file__).parent.parent))

from joserfc.jwk import ECKey

from aioags import Client, Endpoint, Registration, Scope, Score
from aioags.protocol.messages import Request, Response

MOST_SCORE, MOST_TOKEN, MOST_BYTES = 1.3, 1.5, 4096


class Instant:
    """
    A transport behind which every platform says yes.
    """

    async def send(self, request: Request) -> Response:
        """
        Grant a token, another to each, or take a score.
        """
        if request.url.endswith("/token"):
            grant = {"access_token": f"{hash(request.url):032x}", "token_type": "Bearer", "expires_in": 3600}
            return Response(200, "OK", (), json.dumps(grant).encode(), request.url)
        return Response(204, "No Content", (), b"", request.url)

    async def aclose(self) -> None:
        """
        Do nothing.
        """


@attrs.frozen
class Cost:
    """
    Microseconds of CPU for a score and for a score with a new token, and bytes that a platform holds.
    """

    score: float
    token: float
    held: float


def registrations(number: int) -> list[Registration]:
    """
    Make registrations that share one key.
    """
    key = ECKey.generate_key("P-256", {"kid": "tool-key-1"})
    hosts = (f"https://school-{one}.example" for one in range(number))
    return [Registration(host, f"tool-{one}", f"{host}/token", key) for one, host in enumerate(hosts)]


async def post_to_all(client: Client, all_of_them: list[Registration], user: str) -> float:
    """
    Post one score to each platform; return microseconds of CPU for one.
    """
    begun = time.process_time()
    for one in all_of_them:
        gradebook = client.gradebook(one, Endpoint(None, f"{one.issuer}/items/1", frozenset(Scope)))
        await gradebook.post_score(Score.graded(user, 5, score_maximum=10))
    return (time.process_time() - begun) / len(all_of_them) * 1e6


async def measure(all_of_them: list[Registration], scores: int) -> Cost:
    """
    Post so many scores to each.
    """
    async with Client(transport=Instant()) as client:
        token = await post_to_all(client, all_of_them, "user-0")
        costs = [await post_to_all(client, all_of_them, f"user-{number}") for number in range(1, scores)]
    return Cost(median(costs), token, 0.0)


async def held_by_each(all_of_them: list[Registration], scores: int) -> float:
    """
    Return the bytes that one platform holds, its share of what all hold in common included.
    """
    async with Client(transport=Instant()) as client:
        await post_to_all(client, all_of_them[:1], "user-0")
        tracemalloc.start()
        for number in range(scores):
            # One user: what is remembered of users has a bound of its own.
            await post_to_all(client, all_of_them, f"user-{number % 1}")
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return held / len(all_of_them)


def main() -> int:
    """
    Print the table, and judge it.
    """
    parser = argparse.ArgumentParser(description="What many platforms cost.")
    parser.add_argument("--platforms", type=int, nargs="+", default=[10, 1000, 10_000])
    parser.add_argument("--scores", type=int, default=10, help="to each platform")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="fewer, and only memory is judged")
    arguments = parser.parse_args()
    numbers = [10, 500] if arguments.quick else arguments.platforms
    given = {number: registrations(number) for number in numbers}
    found: dict[int, list[Cost]] = {number: [] for number in numbers}
    for _ in range(1 if arguments.quick else arguments.rounds):
        for number, all_of_them in given.items():
            # As many scores in all, so that each figure is one of as long a time.
            for _ in range(max(1, min(20, numbers[-1] // number // 5))):
                found[number].append(asyncio.run(measure(all_of_them, arguments.scores)))
    good = True
    for number, costs in found.items():
        first = found[numbers[0]]
        score, token = median(cost.score for cost in costs), median(cost.token for cost in costs)
        by_score = score / median(cost.score for cost in first)
        by_token = token / median(cost.token for cost in first)
        held = asyncio.run(held_by_each(given[number], 2)) if number >= 100 else 0.0
        memory = f"{held:6.0f} bytes a platform" if held else ""
        print(f"{number:6}  score {score:6.1f} us ({by_score:4.2f})  new {token:7.1f} us ({by_token:4.2f})  {memory}")
        slow = not arguments.quick and (by_score > MOST_SCORE or by_token > MOST_TOKEN)
        good = good and not slow and held <= MOST_BYTES
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

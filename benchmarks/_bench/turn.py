"""
Be one contestant for one turn, in a process of its own:

    python -m _bench.turn NAME[-uvloop] JOB

prints what was measured as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

from .contestants import CONTESTANTS
from .launching import LAUNCHES
from .measuring import Job, Measure
from .tasks import TASKS


def main() -> None:
    """
    Run it.
    """
    name, _, loop = sys.argv[1].partition("-")
    measure = Measure()
    work = {**CONTESTANTS, **TASKS, **LAUNCHES}[name](Job(**json.loads(sys.argv[2])), measure)
    if loop:
        import uvloop

        uvloop.run(work)
    else:
        asyncio.run(work)
    print(json.dumps(measure.figures))


if __name__ == "__main__":
    main()

"""
What `import aioags` costs beside the libraries that it stands on.

New processes import the four dependencies, or the package, turn by turn, so that a busy machine slows both; the figure
is the median of the ratios of neighbours. Time is that of the CPU, of the import alone: starting Python is not
ours, and neither is compiling, which happens once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

DEPENDENCIES = "import aiohttp, attrs, cachetools, joserfc"
# What any program that signs and sends has loaded besides; joserfc alone loads nothing.
SIGNS = f"{DEPENDENCIES}\nfrom joserfc import jwk, jwt"
PACKAGE = "import aioags"
BAR = 1.10
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(code: str) -> float:
    """
    Return the CPU seconds that a new process spends on these imports.
    """
    timed = f"import time\nbegun = time.process_time()\n{code}\nprint(time.process_time() - begun)"
    command = [sys.executable, "-c", timed]
    return float(subprocess.run(command, env=COMPILED, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """
    Measure, and say it.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="pairs of processes")
    rounds = parser.parse_args().rounds
    for code in (SIGNS, PACKAGE):
        seconds(code)
    pairs = [(seconds(SIGNS), seconds(PACKAGE)) for _ in range(rounds)]
    ratio = statistics.median(package / dependencies for dependencies, package in pairs)
    dependencies, package = (statistics.median(side) * 1e3 for side in zip(*pairs, strict=True))
    print(f"dependencies {dependencies:.0f} ms, aioags {package:.0f} ms: {ratio:.2f} times (at most {BAR:.2f})")


if __name__ == "__main__":
    main()

"""
Hosts in processes of their own: frameworks with settings for a whole process stay out of the tests' own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]


@contextmanager
def running(module: str, **environment: str) -> Iterator[str]:
    """
    Run a host while the block runs.

    Args:
        module: Prints its URL, and ends when its standard input does.

        environment: Added to the test's own.

    Yields:
        The URL.
    """
    with running_program([sys.executable, "-m", module], ROOT, **environment) as url:
        yield url


@contextmanager
def running_program(command: Sequence[str], folder: Path, **environment: str) -> Iterator[str]:
    """
    Run a host that is no module of Python, as `running` does.
    """
    pipe, told = subprocess.PIPE, os.environ | environment
    with subprocess.Popen(command, cwd=folder, env=told, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            assert url, f"{' '.join(command)} did not start; its standard error says why"
            yield url
        finally:
            process.stdin.close()


def ask(url: str, what: str, **parameters: str) -> Any:
    """
    Look through a host's window, or reach through it: every path below ``/host``.
    """
    with urlopen(f"{url}/host/{what}?{urlencode(parameters)}") as answer:
        return json.loads(answer.read() or b"null")

"""
Use an installed aioags, and those of its extras that are named: nothing of the repository is at hand.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import aioags
from aioags.emulator import Platform, serve_in_thread
from aioags.outbox import Outbox, SQLiteStore

# What each extra is for.
MODULES = {
    "cli": ["aioags.cli"],
    "django": ["aioags.contrib.django"],
    "emulator": ["aioags.emulator"],
    "fastapi": ["aioags.contrib.fastapi"],
    "opentelemetry": ["aioags.contrib.opentelemetry"],
    "procrastinate": ["aioags.contrib.procrastinate", "aioags.outbox.postgres"],
    "pytest": ["aioags.pytest_plugin"],
}


async def post(platform: Platform) -> None:
    """
    Post a score, and one through an outbox, and read both back.
    """
    user, other = platform.users()[:2]
    registration = aioags.Registration(**platform.registration_args())
    endpoint = aioags.Endpoint.from_claim(platform.endpoint_claim())
    async with aioags.Client() as ags:
        gradebook = ags.gradebook(registration, endpoint)
        await gradebook.post_score(aioags.Score.graded(user, 7, score_maximum=10))
        result = await gradebook.get_result(user)
        assert result is not None and result.fraction == 0.7, result
        outbox = Outbox(SQLiteStore("outbox.sqlite3"), ags, {"school": registration})
        await outbox.put("school", endpoint, aioags.Score.graded(other, 8, score_maximum=10))
        await outbox.drain_all()
        assert platform.result(None, other)["resultScore"] == 80, "of a hundred"


def main(extras: list[str]) -> None:
    """
    Import what was asked for, and use it.
    """
    assert "site-packages" in (aioags.__file__ or ""), aioags.__file__
    for extra in extras:
        for module in MODULES[extra]:
            import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        platform = Platform.create("moodle")
        with serve_in_thread(platform):
            asyncio.run(post(platform))
    command = [str(Path(sys.executable).parent / "aioags"), "--help"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    # Without the extra it says how to install it.
    assert done.returncode == (0 if "cli" in extras else 2), done
    assert "aioags" in done.stdout + done.stderr


if __name__ == "__main__":
    main(sys.argv[1:])

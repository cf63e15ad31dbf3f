"""
``python -m aioags.emulator.ltiaas``: one account on a port, with a platform behind it, until interrupted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from typing import Any

from aioags.emulator.doors.cli import announcement, number, port, tell
from aioags.emulator.doors.server import serve as serve_platform
from aioags.emulator.ltiaas.gateway import Gateway
from aioags.emulator.ltiaas.server import serve
from aioags.emulator.platform import Platform
from aioags.emulator.profiles import PROFILES


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Read the command line.

    Raises:
        SystemExit: An option is wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m aioags.emulator.ltiaas", description="LTIAAS on your own desk.")
    parser.add_argument("--profile", default="spec", choices=list(PROFILES), help="which platform stands behind it")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=port, default=0, help="0: any free one (default)")
    parser.add_argument("--users", type=_count, default=30, help="how many learners to make up (default: 30)")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    # One of them launches.
    return number(text, 1_000_000, "number of users", least=1)


def document(gateway: Gateway) -> dict[str, Any]:
    """
    Build what a tool needs to know, with the keys of one launch by the first person of the course.
    """
    launch = gateway.launch(gateway.platform.users()[0])
    return {
        "profile": gateway.platform.profile.name,
        "base_url": gateway.base_url,
        "api_key": gateway.api_key,
        "user": launch.user_id,
        "ltik": launch.ltik,
        "service_key": launch.service_key,
        "platform_url": gateway.platform.base_url,
    }


async def run(options: argparse.Namespace) -> None:
    """
    Serve until interrupted; the platform listens as well, for people who want to look into it.
    """
    gateway = Gateway.create(Platform.create(options.profile, users=options.users))
    stopped = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stopped.set)
    async with (
        serve_platform(gateway.platform, host=options.host),
        serve(gateway, host=options.host, port=options.port) as server,
    ):
        tell(json.dumps(document(gateway), indent=2), sys.stdout)
        tell(announcement(options.host, server.url), sys.stderr)
        await stopped.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command; return its exit status.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        asyncio.run(run(options))
    except OSError as error:
        tell(f"cannot listen on {options.host} port {options.port}: {error.strerror}", sys.stderr)
        return 2
    return 0

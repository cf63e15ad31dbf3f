"""
The LTIAAS emulator: the hosted gateway's REST API, in front of the platform emulator.

It is built from the vendor's documents. Where they are silent it guesses, and each guess says so where it is made.
"""

from aioags.emulator.ltiaas.gateway import Gateway
from aioags.emulator.ltiaas.launches import GatewayLaunch
from aioags.emulator.ltiaas.server import GatewayServer, serve

__all__ = ["Gateway", "GatewayLaunch", "GatewayServer", "Launch", "serve"]

# Tests of tools say Launch; the class of that name is in aioags.launch.
Launch = GatewayLaunch

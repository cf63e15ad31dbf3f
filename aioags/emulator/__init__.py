"""
The platform emulator: an LTI platform with Assignment and Grade Services on one's own desk.

Read `Platform` first; `serve` puts it on a socket.
"""

from aioags.emulator.clock import ManualClock
from aioags.emulator.faults import Fault
from aioags.emulator.in_memory import InMemoryTransport
from aioags.emulator.messages import Answer, Manner
from aioags.emulator.platform import Platform
from aioags.emulator.profile import Profile
from aioags.emulator.profiles import PROFILES
from aioags.emulator.server import Server, serve
from aioags.emulator.state import Course, Grade, Item, Link, Person, Tool
from aioags.emulator.threads import serve_in_thread
from aioags.emulator.visits import Exchange, Visit

__all__ = [
    "PROFILES",
    "Answer",
    "Course",
    "Exchange",
    "Fault",
    "Grade",
    "InMemoryTransport",
    "Item",
    "Link",
    "Manner",
    "ManualClock",
    "Person",
    "Platform",
    "Profile",
    "Server",
    "Tool",
    "Visit",
    "serve",
    "serve_in_thread",
]

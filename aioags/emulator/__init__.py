"""
The platform emulator: an LTI platform with Assignment and Grade Services on one's own desk.

Read `Platform` first; `serve` puts it on a socket. Its rooms, from the ground up; each imports from those above it in
this list, and from itself::

    refusals      every reason to refuse, and the exceptions that carry them
    profiles      what each platform does, as data
    recording     what a real one answered, as such data
    wire          bytes and headers: messages, media types, paging, error bodies
    site          who the site is, what it remembers, what it tells in launches
    traffic       a request on its way: its record, its faults, its throttle, what it changed
    services      what a tool may ask: tokens, line items, scores, results, memberships
    classroom     the platform as its own people see it
    launching     what a person clicks, what the tool asks then, what it sends back
    platform      all of it together: requests in, answers out
    database      the platform's memory in a file
    web           the gradebook page
    doors         how one gets in: a server, a transport, a thread, the back door, the command line
    browser       a person's browser, for tests that launch a tool
    ltiaas        the hosted gateway in front of a platform
"""

from aioags.emulator.browser.launching import AppLauncher, DeepLinkAnswer, LaunchedPage
from aioags.emulator.database import Database, DatabaseError
from aioags.emulator.doors.in_memory import InMemoryTransport
from aioags.emulator.doors.server import Server, serve
from aioags.emulator.doors.threads import serve_in_thread
from aioags.emulator.platform import Platform
from aioags.emulator.profiles import PROFILES
from aioags.emulator.profiles.files import ProfileError, load_profile
from aioags.emulator.profiles.profile import Profile
from aioags.emulator.site.clock import ManualClock
from aioags.emulator.site.state import Course, Grade, Item, Link, Person, RegisteredTool
from aioags.emulator.traffic.exchanges import Exchange
from aioags.emulator.traffic.faults import Fault
from aioags.emulator.traffic.throttle import Quota
from aioags.emulator.traffic.visits import Visit
from aioags.emulator.wire.messages import Answer, Manner

__all__ = [
    "PROFILES",
    "Answer",
    "AppLauncher",
    "Course",
    "Database",
    "DatabaseError",
    "DeepLinkAnswer",
    "Exchange",
    "Fault",
    "Grade",
    "InMemoryTransport",
    "Item",
    "LaunchedPage",
    "Link",
    "Manner",
    "ManualClock",
    "Person",
    "Platform",
    "Profile",
    "ProfileError",
    "Quota",
    "RegisteredTool",
    "Server",
    "Tool",
    "Visit",
    "load_profile",
    "serve",
    "serve_in_thread",
]

# Tests of tools say Tool; the class of that name is in aioags.launch.
Tool = RegisteredTool

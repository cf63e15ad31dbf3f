"""
Fixtures for the tests of a tool: an LMS on the desk, without a network.

Installed with aioags and found by pytest by itself. Override `ags_profile` to meet another platform, in one module, in
one class, or for every one of them with ``params=``::

    @pytest.fixture(params=["moodle", "canvas"])
    def ags_profile(request):
        return request.param

The package is imported when a fixture is first used, not here: every run of pytest in the environment loads this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aioags import Client, Endpoint, Gradebook, Registration
    from aioags.emulator import AppLauncher, Platform, Server

LEARNERS = 30


@pytest.fixture
def ags_profile() -> str:
    """
    Name of the platform's profile; ``spec`` unless overridden.
    """
    return "spec"


@pytest.fixture
def ags_platform(ags_profile: str) -> Platform:
    """
    A platform with one course, thirty learners, a teacher, one link with its line item, and this tool registered.

    Look at it from the other side: ``ags_platform.result(None, user)``, ``.score``, ``.history``, ``.requests``; make
    it fail: ``ags_platform.faults.add(…)``.
    """
    from aioags.emulator import Person, Platform
    from aioags.emulator.platform import find_profile
    from aioags.emulator.site import roster

    form = find_profile(ags_profile).user_ids
    teacher = Person(roster.user_id(LEARNERS + 1, form), "Tea Cher", "Instructor")
    return Platform.create(ags_profile, people=[*roster.generated(LEARNERS, form), teacher])


@pytest.fixture
def ags_roster(ags_platform: Platform) -> list[str]:
    """
    User ids of the learners of the course, thirty of them.
    """
    return [person.user_id for person in ags_platform.course.people.values() if person.role == "Learner"]


@pytest.fixture
def ags_teacher(ags_platform: Platform) -> str:
    """
    User id of the teacher of the course.
    """
    return next(person.user_id for person in ags_platform.course.people.values() if person.role == "Instructor")


def _settle_address(request: pytest.FixtureRequest) -> None:
    # The platform's URLs are its server's: a test that asks for the server has it first, wherever it names it.
    if "ags_server" in request.fixturenames:
        request.getfixturevalue("ags_server")


@pytest.fixture
def ags_registration(request: pytest.FixtureRequest, ags_platform: Platform) -> Registration:
    """
    What the platform and the tool agreed.
    """
    from aioags import Registration

    _settle_address(request)
    return Registration(**ags_platform.registration_args())


@pytest.fixture
def ags_endpoint(request: pytest.FixtureRequest, ags_platform: Platform) -> Endpoint:
    """
    The AGS claim of a launch of the course's link.
    """
    from aioags import Endpoint

    _settle_address(request)
    return Endpoint.from_claim(ags_platform.endpoint_claim())


@pytest.fixture
def ags_launch_claims(request: pytest.FixtureRequest, ags_platform: Platform) -> Callable[[str], dict[str, Any]]:
    """
    A function from a user id to the claims of that user's launch, as an id_token carries them.
    """
    _settle_address(request)
    return ags_platform.launch_claims


@pytest.fixture
def ags_client(ags_platform: Platform) -> Client:
    """
    A client that reaches the platform without a socket. It needs no closing.
    """
    from aioags import Client
    from aioags.emulator import InMemoryTransport

    return Client(transport=InMemoryTransport(ags_platform))


@pytest.fixture
def ags_gradebook(ags_client: Client, ags_registration: Registration, ags_endpoint: Endpoint) -> Gradebook:
    """
    The course's gradebook, as the launched tool sees it.
    """
    return ags_client.gradebook(ags_registration, ags_endpoint)


@pytest.fixture
def ags_server(ags_platform: Platform) -> Iterator[Server]:
    """
    The same platform on a real socket on loopback, in a thread of its own, for tools that open their own connections.

    The platform's URLs are then the server's, in every other fixture as well.
    """
    from aioags.emulator import serve_in_thread

    with serve_in_thread(ags_platform) as server:
        yield server


@pytest.fixture
def ags_launch(ags_platform: Platform, ags_server: Server) -> Iterator[AppLauncher]:
    """
    A function that launches an application of ASGI, aiohttp or Django, by ``await ags_launch(app, user=…)``.

    It returns what the tool shows then: status, headers, text, cookies, final URL, and the answer to deep linking.

    The platform is on a real socket, as `ags_server`: the tool fetches the platform's keys as it always does.
    """
    from aioags.emulator import AppLauncher

    launcher = AppLauncher(ags_platform)
    yield launcher
    launcher.close()

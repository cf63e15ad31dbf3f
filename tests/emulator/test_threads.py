"""
The platform in a thread of its own, for code without an event loop: with the gradebook page, and when it cannot start.
"""

from __future__ import annotations

import http.client
import json
import socket
import urllib.request

import pytest

from aioags.emulator import Platform, serve_in_thread

JSON = {"Content-Type": "application/json"}


def get(url: str) -> str:
    """
    Read a page.
    """
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode())


def test_the_gradebook_page_is_served() -> None:
    platform = Platform.create()
    with serve_in_thread(platform, page=True) as server:
        assert server.page_url == f"{server.url}/gradebook"
        assert platform.course.title in get(server.page_url)
        platform.override(None, platform.users()[0], 7, comment="from the other thread")
        assert "from the other thread" in get(server.page_url)


def test_a_window_is_told_what_the_other_thread_changes() -> None:
    platform = Platform.create()
    with serve_in_thread(platform, page=True) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", "/gradebook/events")
        events = connection.getresponse()
        while not events.readline().startswith(b"data: "):
            pass
        platform.override(None, platform.users()[0], 7, comment="told")
        line = events.readline()
        while b"told" not in line:
            line = events.readline()
            assert line
        assert "again" in json.loads(line.removeprefix(b"data: "))
        connection.close()


def test_without_page_there_is_none() -> None:
    platform = Platform.create()
    with serve_in_thread(platform) as server:
        assert server.page_url is None
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(f"{server.url}/gradebook")
        refused.value.close()


def test_the_back_door_is_open() -> None:
    platform = Platform.create()
    with serve_in_thread(platform) as server:
        assert json.loads(get(f"{server.url}/control"))["issuer"] == server.url
        body = json.dumps({"user_id": "late"}).encode()
        request = urllib.request.Request(f"{server.url}/control/people", body, JSON)
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
    assert "late" in platform.users()


def test_a_port_in_use_is_said_in_the_callers_thread() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
        serve_in_thread(Platform.create(), port=taken.getsockname()[1]),
    ):
        pass


@pytest.mark.parametrize("where, error", [({"port": 70_000}, OverflowError), ({"host": "a..b"}, UnicodeError)])
def test_an_address_that_is_none_is_said_in_the_callers_thread(where: dict[str, int], error: type[Exception]) -> None:
    with pytest.raises(error), serve_in_thread(Platform.create(), **where):
        pass

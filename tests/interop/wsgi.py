"""
A WSGI application on a free port of loopback, for hosts that run in a process of their own.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler


class Quiet(WSGIRequestHandler):
    """
    Writes nothing about each request.
    """

    # Headers and body go out in one write: of two, the second would wait 40 ms for the first one's acknowledgment.
    wbufsize = -1

    def log_message(self, *args: object) -> None:
        """
        Say nothing.
        """


def one_at_a_time(application: Any) -> Any:
    """
    Let an application handle one request after the other: SQLite takes one writer at a time, dicts have no locks.
    """
    lock = threading.Lock()

    def handle(environ: Any, start_response: Any) -> Any:
        with lock:
            return application(environ, start_response)

    return handle


def serve(open_application: Callable[[str], Any]) -> None:
    """
    Print the server's URL, and serve until the standard input ends.

    Args:
        open_application: Makes the application, once the URL is known.
    """
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    server.set_app(one_at_a_time(open_application(url)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(url, flush=True)
    sys.stdin.read()

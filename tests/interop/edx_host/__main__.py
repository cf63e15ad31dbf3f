"""
Serve Open edX's LTI consumer on a free port of loopback until the standard input ends.

``EDX_HOST_DATABASE`` names the SQLite file to make, ``EDX_HOST_TOOL_KEY`` holds the tool's public key as PEM. The one
line on the standard output is the server's URL.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class Quiet(WSGIRequestHandler):
    """
    Writes nothing about each request.
    """

    def log_message(self, *args: object) -> None:
        """
        Say nothing.
        """


def one_at_a_time(application: Any) -> Any:
    """
    Let a WSGI application handle one request after the other, since SQLite takes one writer at a time.
    """
    lock = threading.Lock()

    def handle(environ: Any, start_response: Any) -> Any:
        with lock:
            return application(environ, start_response)

    return handle


def main() -> None:
    """
    Set up the database and serve.
    """
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.interop.edx_host.settings"
    django.setup()
    call_command("migrate", verbosity=0)
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    settings.LMS_ROOT_URL = f"http://127.0.0.1:{server.server_port}"
    from lti_consumer.models import Lti1p3Passport

    Lti1p3Passport.objects.create(lti_1p3_tool_public_key=os.environ["EDX_HOST_TOOL_KEY"])
    server.set_app(one_at_a_time(get_wsgi_application()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(settings.LMS_ROOT_URL, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

"""
A quiz as an LTI tool, in Django: launched from a course, graded into its gradebook.

    pip install 'aioags[django]' 'django>=5' uvicorn
    python docs/examples/django_tool.py [port]

Then open the page that it names, register the tool, and launch the quiz as one of the people there. The whole project
stands in this one file; in yours, the parts go to settings.py, urls.py, views.py and asgi.py as their comments say. The
platform is the emulator, in the same program; for your LMS, leave it away, and give its administrator what
`Registrar.invite` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
from typing import Any
from urllib.parse import quote

import django
import uvicorn
from django.conf import settings as project
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt

from aioags import Endpoint, Gradebook, Score
from aioags.contrib.django import LTI
from aioags.emulator import Platform, serve
from aioags.launch import (
    KeyRing,
    Launch,
    MemoryRegistrationStore,
    Registrar,
    StoredRegistrations,
    ToolOffer,
    ToolSettings,
    generate_key,
)

TWO_HOURS = 7200.0
QUIZ = """<h1>What is 6 times 7?</h1><form method="post" action="/answers"><input name="answer" autofocus>
<input type="hidden" name="ticket" value="{ticket}"><button>Submit</button></form>"""

urlpatterns: list[URLPattern | URLResolver] = []


def create_app(settings: ToolSettings, registrar: Registrar | None = None) -> Any:
    """
    Make the project, and its ASGI application.
    """
    # settings.py
    if not project.configured:
        project.configure(
            SECRET_KEY=secrets.token_urlsafe(),
            ROOT_URLCONF=__name__,
            ALLOWED_HOSTS=["127.0.0.1", "localhost"],
            MIDDLEWARE=[
                "django.middleware.csrf.CsrfViewMiddleware",
                "django.middleware.clickjacking.XFrameOptionsMiddleware",
            ],
        )
        django.setup()
    project.AIOAGS = settings
    # views.py
    lti = LTI.from_settings(registrar=None if registrar is None else lambda _: registrar)

    @lti.on_launch
    async def launched(request: HttpRequest, launch: Launch, gradebook: Gradebook | None) -> HttpResponse:
        if launch.endpoint is None:
            return HttpResponse("<p>This course takes no grades from this quiz.</p>")
        # Before the slash, whose it is: who launches without end fills his own share of the store.
        whose = quote(f"{launch.issuer} {launch.client_id}", safe="")
        ticket = f"{whose}/{secrets.token_urlsafe()}"
        attempt = {
            "registration": {
                "issuer": launch.issuer,
                "client_id": launch.client_id,
                "deployment_id": launch.deployment_id,
            },
            "endpoint": launch.endpoint.to_claim(),
            "user_id": launch.user_id,
        }
        await settings.store.put(f"attempt {ticket}", json.dumps(attempt), seconds=TWO_HOURS)
        return HttpResponse(QUIZ.format(ticket=ticket))

    # The ticket is what a CSRF token would be: unguessable, and good for one answer. A frame may keep no cookie.
    # And it is shown in a frame, as the quiz is.
    @csrf_exempt
    @xframe_options_exempt
    async def answers(request: HttpRequest) -> HttpResponse:
        stored = await settings.store.take(f"attempt {request.POST.get('ticket')}")
        if stored is None:
            return HttpResponse("This attempt is over: open the quiz again from your course.", status=410)
        attempt = json.loads(stored)
        registration = await lti.registration(**attempt["registration"])
        gradebook = lti.client().gradebook(registration, Endpoint.from_claim(attempt["endpoint"]))
        right = request.POST.get("answer") == "42"
        await gradebook.post_score(Score.graded(attempt["user_id"], 10 if right else 0, score_maximum=10))
        return HttpResponse(f"<h1>{'Right' if right else 'Wrong'}</h1><p>Your grade is in the gradebook.</p>")

    # urls.py
    urlpatterns[:] = [path("lti/", include(lti.urls)), path("answers", answers)]
    # asgi.py
    return lti.lifespan(get_asgi_application())


async def main(port: int = 8002) -> None:
    """
    Run the tool, and an emulated platform that knows nothing of it until it registers itself.
    """
    platform = Platform.create()
    key = generate_key()
    keys = KeyRing(lambda: key)
    settings = ToolSettings(
        registrations=StoredRegistrations(MemoryRegistrationStore(), keys),
        redirect_uri=f"http://127.0.0.1:{port}/lti/launch",
        keys=keys,
    )
    # A platform on the internet needs no private_networks.
    registrar = Registrar(settings, ToolOffer(name="Quiz"), private_networks=["127.0.0.0/8"])
    async with serve(platform):
        platform.launches.offered_url = await registrar.invite()
        print(f"Open {platform.launches.page_url} and register the tool", flush=True)
        await uvicorn.Server(uvicorn.Config(create_app(settings, registrar), port=port, log_level="warning")).serve()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*map(int, sys.argv[1:])))

"""
A quiz as an LTI tool, in Django: launched from a course, graded into its gradebook.

    pip install 'aioags[django]' 'django>=5' uvicorn
    python docs/examples/django_tool.py [port]

Then open the page that it names, and launch the quiz as one of the people there. The whole project stands in this one
file; in yours, the parts go to settings.py, urls.py, views.py and asgi.py as their comments say. The platform is the
emulator, in the same program; for your LMS, make the `ToolSettings` of the registration you agreed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
from typing import Any

import django
import uvicorn
from django.conf import settings as project
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path
from django.views.decorators.csrf import csrf_exempt

from aioags import Endpoint, Gradebook, Registration, Score
from aioags.contrib.django import LTI
from aioags.emulator import Platform, serve
from aioags.launch import Launch, ToolSettings

TWO_HOURS = 7200.0
QUIZ = """<h1>What is 6 times 7?</h1><form method="post" action="/answers"><input name="answer" autofocus>
<input type="hidden" name="ticket" value="{ticket}"><button>Submit</button></form>"""

urlpatterns: list[URLPattern | URLResolver] = []


def create_app(settings: ToolSettings) -> Any:
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
    lti = LTI.from_settings()

    @lti.on_launch
    async def launched(request: HttpRequest, launch: Launch, gradebook: Gradebook | None) -> HttpResponse:
        if launch.endpoint is None:
            return HttpResponse("<p>This course takes no grades from this quiz.</p>")
        ticket = secrets.token_urlsafe()
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
    @csrf_exempt
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
    Run an emulated platform and the tool beside it.
    """
    platform = Platform.create()
    tool = f"http://127.0.0.1:{port}"
    async with serve(platform):
        platform.launches.connect(login_url=f"{tool}/lti/login", redirect_uri=f"{tool}/lti/launch")
        registration = Registration(**platform.registration_args())
        settings = ToolSettings(registrations=[registration], redirect_uri=f"{tool}/lti/launch", keys=[registration])
        print(f"Open {platform.launches.page_url}")
        await uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="warning")).serve()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*map(int, sys.argv[1:])))

"""
A quiz as an LTI tool, in aiohttp: launched from a course, graded into its gradebook.

    pip install aioags
    python docs/examples/aiohttp_tool.py [port]

Then open the page that it names, register the tool, and launch the quiz as one of the people there. The platform is the
emulator, in the same program; for your LMS, leave it away, and give its administrator what `Registrar.invite` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
from urllib.parse import quote

from aiohttp import web

from aioags import Endpoint, Gradebook, Score
from aioags.contrib.aiohttp import CLIENT, LTI
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


def create_app(settings: ToolSettings, registrar: Registrar | None = None) -> web.Application:
    """
    Make the application: the launch routes under ``/lti``, and one of its own for the answers.
    """
    lti = LTI(settings, registrar=registrar)
    app = web.Application()
    lti.setup(app, "/lti")

    @lti.on_launch
    async def launched(request: web.Request, launch: Launch, gradebook: Gradebook | None) -> web.Response:
        if launch.endpoint is None:
            return page("<p>This course takes no grades from this quiz.</p>")
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
        return page(QUIZ.format(ticket=ticket))

    async def answers(request: web.Request) -> web.Response:
        form = await request.post()
        # A ticket is taken once: the quiz is handed in once. No cookie is needed, which a frame might not keep.
        stored = await settings.store.take(f"attempt {form.get('ticket', '')!s}")
        if stored is None:
            raise web.HTTPGone(text="This attempt is over: open the quiz again from your course.")
        attempt = json.loads(stored)
        registration = await lti.registration(**attempt["registration"])
        gradebook = request.app[CLIENT].gradebook(registration, Endpoint.from_claim(attempt["endpoint"]))
        right = form.get("answer") == "42"
        await gradebook.post_score(Score.graded(attempt["user_id"], 10 if right else 0, score_maximum=10))
        return page(f"<h1>{'Right' if right else 'Wrong'}</h1><p>Your grade is in the gradebook.</p>")

    app.router.add_post("/answers", answers)
    return app


def page(text: str) -> web.Response:
    """
    Answer with HTML.
    """
    return web.Response(text=text, content_type="text/html")


async def main(port: int = 8001) -> None:
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
        runner = web.AppRunner(create_app(settings, registrar))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"Open {platform.launches.page_url} and register the tool", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*map(int, sys.argv[1:])))

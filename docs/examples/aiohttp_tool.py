"""
A quiz as an LTI tool, in aiohttp: launched from a course, graded into its gradebook.

    pip install aioags
    python docs/examples/aiohttp_tool.py [port]

Then open the page that it names, and launch the quiz as one of the people there. The platform is the emulator, in the
same program; for your LMS, make the `ToolSettings` of the registration you agreed on, and leave `main` away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys

from aiohttp import web

from aioags import Endpoint, Gradebook, Registration, Score
from aioags.contrib.aiohttp import CLIENT, LTI
from aioags.emulator import Platform, serve
from aioags.launch import Launch, ToolSettings

TWO_HOURS = 7200.0
QUIZ = """<h1>What is 6 times 7?</h1><form method="post" action="/answers"><input name="answer" autofocus>
<input type="hidden" name="ticket" value="{ticket}"><button>Submit</button></form>"""


def create_app(settings: ToolSettings) -> web.Application:
    """
    Make the application: the launch routes under ``/lti``, and one of its own for the answers.
    """
    lti = LTI(settings)
    app = web.Application()
    lti.setup(app, "/lti")

    @lti.on_launch
    async def launched(request: web.Request, launch: Launch, gradebook: Gradebook | None) -> web.Response:
        if launch.endpoint is None:
            return page("<p>This course takes no grades from this quiz.</p>")
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
    Run an emulated platform and the tool beside it.
    """
    platform = Platform.create()
    tool = f"http://127.0.0.1:{port}"
    async with serve(platform):
        platform.launches.connect(login_url=f"{tool}/lti/login", redirect_uri=f"{tool}/lti/launch")
        registration = Registration(**platform.registration_args())
        settings = ToolSettings(registrations=[registration], redirect_uri=f"{tool}/lti/launch", keys=[registration])
        runner = web.AppRunner(create_app(settings))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"Open {platform.launches.page_url}")
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*map(int, sys.argv[1:])))

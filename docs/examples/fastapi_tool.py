"""
A quiz as an LTI tool, in FastAPI: launched from a course, graded into its gradebook.

    pip install 'aioags[fastapi]' uvicorn python-multipart
    python docs/examples/fastapi_tool.py [port]

Then open the page that it names, register the tool, and launch the quiz as one of the people there. The platform is the
emulator, in the same program; for your LMS, leave it away, and give its administrator what `Registrar.invite` returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import time
from html import escape
from typing import Annotated
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse

from aioags import Client, Endpoint, Gradebook, LineItem, Score, join_results
from aioags.contrib.fastapi import LTI
from aioags.emulator import Platform, serve
from aioags.launch import (
    KeyRing,
    Launch,
    LinkItem,
    MemoryRegistrationStore,
    Registrar,
    StoredRegistrations,
    ToolOffer,
    ToolSettings,
    deep_linking_response,
    generate_key,
)

QUIZZES = {"1": ("What is 6 times 7?", "42"), "2": ("Who wrote “Faust”?", "Goethe")}
TWO_HOURS = 7200.0


def create_app(settings: ToolSettings, registrar: Registrar | None = None) -> FastAPI:
    """
    Make the application: the launch routes under ``/lti``, and one of its own for the answers.
    """
    lti = LTI(settings, registrar=registrar)
    app = FastAPI(lifespan=lti.lifespan)
    app.mount("/lti", lti.app)

    @lti.on_launch
    async def launched(request: Request, launch: Launch, gradebook: Gradebook | None) -> HTMLResponse:
        if launch.deep_linking is not None:
            return HTMLResponse(deep_linking_response(launch, links(), now=time.time()).html)
        if gradebook is None:
            return HTMLResponse("<p>This course takes no grades from this quiz.</p>")
        if launch.has_role("Instructor"):
            return HTMLResponse(await overview(lti.client(), launch, gradebook))
        quiz = str(launch.custom.get("quiz", "1"))
        if quiz not in QUIZZES:  # a teacher can edit the link
            return HTMLResponse("<p>There is no such quiz: tell your teacher.</p>")
        ticket = await remember(settings, launch)
        question, _ = QUIZZES[quiz]
        return HTMLResponse(
            f'<h1>{escape(question)}</h1><form method="post" action="/answers"><input name="answer" autofocus>'
            f'<input type="hidden" name="ticket" value="{ticket}"><button>Submit</button></form>'
        )

    @app.post("/answers")
    async def answers(ticket: Annotated[str, Form()], answer: Annotated[str, Form()]) -> HTMLResponse:
        # A ticket is taken once: the quiz is handed in once. No cookie is needed, which a frame might not keep.
        stored = await settings.store.take(f"attempt {ticket}")
        if stored is None:
            raise HTTPException(410, "This attempt is over: open the quiz again from your course.")
        attempt = json.loads(stored)
        registration = await lti.registration(**attempt["registration"])
        gradebook = lti.client().gradebook(registration, Endpoint.from_claim(attempt["endpoint"]))
        right = answer.strip().lower() == QUIZZES[attempt["quiz"]][1].lower()
        await gradebook.post_score(Score.graded(attempt["user_id"], 10 if right else 0, score_maximum=10))
        return HTMLResponse(f"<h1>{'Right' if right else 'Wrong'}</h1><p>Your grade is in the gradebook.</p>")

    return app


def links() -> list[LinkItem]:
    """
    Offer both quizzes, each with its column in the gradebook.
    """
    return [
        LinkItem(
            title=f"Quiz {number}",
            custom={"quiz": number},
            line_item=LineItem(f"Quiz {number}", 10, resource_id=f"quiz-{number}"),
        )
        for number in QUIZZES
    ]


async def remember(settings: ToolSettings, launch: Launch) -> str:
    """
    Keep what grading needs, and return the ticket that finds it again.
    """
    assert launch.endpoint is not None
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
        "quiz": str(launch.custom.get("quiz", "1")),
    }
    await settings.store.put(f"attempt {ticket}", json.dumps(attempt), seconds=TWO_HOURS)
    return ticket


async def overview(ags: Client, launch: Launch, gradebook: Gradebook) -> str:
    """
    Show a teacher who has a result, and who has none.
    """
    rows = []
    async for row in join_results(ags.memberships(launch, role="Learner"), gradebook.results()):
        name = row.person.name if row.person is not None else None
        points = "–" if row.result is None else row.result.result_score
        rows.append(f"<tr><td>{escape(name or row.user_id)}</td><td>{points}</td></tr>")
    return f"<h1>Results</h1><table>{''.join(rows)}</table>"


async def main(port: int = 8000) -> None:
    """
    Run the tool, and an emulated platform that knows nothing of it until it registers itself.
    """
    platform = Platform.create()
    platform.course.enroll("teacher-1", "Tea Cher", "Instructor")
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

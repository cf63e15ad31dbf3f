"""
A web process: as many as you like, on as many machines.

    uvicorn web:app
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from shared import Launches, jobs, keys, name_of, open_outbox, pool, registrations

from aioags import Gradebook, Score
from aioags.contrib.fastapi import LTI
from aioags.launch import Launch, ToolSettings


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """
    Open what the process needs. It puts grades and posts none, so its outbox is not entered.
    """
    async with pool, jobs.open_async(), lti.opened() as client:
        app.state.outbox = open_outbox(client)
        yield
        await app.state.outbox.aclose()


lti = LTI(
    ToolSettings(registrations=registrations, redirect_uri=os.environ["REDIRECT_URI"], keys=keys, store=Launches())
)
app = FastAPI(lifespan=lifespan)
app.mount("/lti", lti.app)


@lti.on_launch
async def launched(request: Request, launch: Launch, gradebook: Gradebook | None) -> HTMLResponse:
    """
    Give a point for coming, on whichever machine.
    """
    if launch.endpoint is not None and launch.user_id is not None:
        score = Score.graded(launch.user_id, 1, score_maximum=1)
        await request.app.state.outbox.put(name_of(launch), launch.endpoint, score)
    return HTMLResponse("<h1>Welcome</h1>")

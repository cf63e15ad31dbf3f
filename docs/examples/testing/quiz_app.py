"""
A small tool in FastAPI: whoever finishes the quiz has the grade posted to the course's gradebook.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from aioags import AGSError, Client, Endpoint, Registration, Score


def create_app(registration: Registration, endpoint: Endpoint, client: Client | None = None) -> FastAPI:
    """
    Make the application.

    Args:
        client: Stays the caller's. None: the application opens its own at start-up.
    """
    ags = client or Client()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if client is None:
            await ags.aclose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/finish/{user_id}")
    async def finish(user_id: str, points: float) -> dict[str, str]:
        gradebook = ags.gradebook(registration, endpoint)
        try:
            await gradebook.post_score(Score.graded(user_id, points, score_maximum=10))
        except AGSError as error:
            raise HTTPException(503 if error.transient else 422, type(error).__name__) from error
        return {"grade": "recorded"}

    return app

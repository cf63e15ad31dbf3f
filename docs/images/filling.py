"""
Film the gradebook page while grades come in: ``python docs/images/filling.py``. Needs chromium and playwright.

A class of twelve at an emulated Moodle, four line items, and the client of this package. Each picture is one of the
page in a browser; together they are an animated WebP, which plays three times and then stands still.
"""

from __future__ import annotations

import asyncio
import base64
import random
import shutil
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from gradebook import FLAGS, NAMES
from playwright.async_api import async_playwright

from aioags import Client, Endpoint, LineItem, Registration, Score
from aioags.emulator import Person, Platform, serve

HERE = Path(__file__).parent
SIZE = 1440, 600
CLASS = 12
COLUMNS = (("Midterm", 100), ("Lab report", 20), ("Essay", 10))
# Scores between two pictures, how long each is shown, and how long the last, in milliseconds.
STEP, SHOWN, LAST = 6, 350, 4000
TIMES = 3
SHOWS = "given => document.body.innerText.split('FullyGraded').length > given"


def chunk(name: bytes, body: bytes) -> bytes:
    """
    Write one chunk of a RIFF file; its length is even.
    """
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """
    Read the chunks of a WebP.
    """
    at = 12
    while at < len(file):
        length = struct.unpack_from("<I", file, at + 4)[0]
        yield file[at : at + 4], file[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def animated(pictures: Sequence[bytes]) -> bytes:
    """
    Make one WebP of several of the same size.

    Source:
        RFC 9649, 2.7.1.1: VP8X, ANIM, and an ANMF for each picture.
    """
    width, height = (struct.pack("<I", side - 1)[:3] for side in SIZE)
    frames = []
    for number, picture in enumerate(pictures):
        shown = SHOWN if number + 1 < len(pictures) else LAST
        head = bytes(6) + width + height + struct.pack("<I", shown)[:3] + b"\x02"
        image = b"".join(chunk(name, body) for name, body in chunks(picture) if name in (b"VP8 ", b"VP8L"))
        frames.append(chunk(b"ANMF", head + image))
    whole = chunk(b"VP8X", b"\x02\0\0\0" + width + height) + chunk(b"ANIM", bytes(4) + struct.pack("<H", TIMES))
    return chunk(b"RIFF", b"WEBP" + whole + b"".join(frames))


async def main() -> None:
    """
    Post the scores, and take a picture after each few of them.
    """
    people = [Person(str(number), name) for number, name in enumerate(NAMES.split(";")[:CLASS], 1)]
    platform = Platform.create("moodle", people=people)
    chance = random.Random(4)
    async with serve(platform, page=True, port=8080) as server, Client() as client, async_playwright() as playwright:
        registration = Registration(**platform.registration_args())
        gradebook = client.gradebook(registration, Endpoint.from_claim(platform.endpoint_claim()))
        columns = [(await gradebook.get_line_item(), 100)]
        for label, maximum in COLUMNS:
            columns.append((await gradebook.create_line_item(LineItem(label, maximum)), maximum))
        wanted = [
            (item, Score.graded(user, round(maximum * chance.betavariate(6, 2)), score_maximum=maximum))
            for item, maximum in columns
            for user in platform.users()
        ]
        chance.shuffle(wanted)
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = await browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        await page.goto(str(server.page_url))
        await page.get_by_text("Live", exact=True).wait_for()
        session = await page.context.new_cdp_session(page)
        pictures = []
        for start in range(0, len(wanted) + 1, STEP):
            taken = await session.send("Page.captureScreenshot", {"format": "webp", "quality": 60})
            pictures.append(base64.b64decode(taken["data"]))
            assert (await gradebook.post_scores(wanted[start : start + STEP])).ok
            given = sum(1 for one in platform.results() if one.get("resultScore") is not None)
            await page.wait_for_function(SHOWS, arg=given)
        await browser.close()
    (HERE / "filling.webp").write_bytes(animated(pictures))


if __name__ == "__main__":
    asyncio.run(main())

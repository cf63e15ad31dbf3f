"""
The files of Django that the guides show, each in a project of its own.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from markdown_it import MarkdownIt

from aioags.emulator import Platform, serve
from aioags.emulator.doors.config_file import write_config
from tests.test_docs import ROOT
from tests.test_tutorial import python

PROJECT = """
ALLOWED_HOSTS, SECRET_KEY, ROOT_URLCONF = ["*"], "secret", "project.urls"
"""
LAUNCHED = """
import asyncio
import sys
from types import ModuleType

from aioags import Registration
from aioags.emulator import AppLauncher, Platform, serve
from aioags.launch import ToolSettings


async def main():
    platform = Platform.create()
    async with serve(platform), AppLauncher(platform) as click:
        agreed = Registration(**platform.registration_args())
        lti = sys.modules["project.lti"] = ModuleType("project.lti")
        lti.settings = ToolSettings(
            registrations=[agreed], redirect_uri="https://tool.example/lti/launch", keys=[agreed]
        )
        from project.asgi import application

        print((await click(application, user="user-0001")).text)


asyncio.run(main())
"""
ANSWERED = """
import sys

import django
from django.test import RequestFactory

django.setup()
from grades.views import answers

print(answers(RequestFactory().post("/", {"user_id": sys.argv[1]})).content.decode())
"""
POSTED = """
import django
from django.core.management import call_command

django.setup()
from grades.management.commands.post_grades import Command

call_command(Command())
"""


def written(page: str, folder: Path) -> None:
    """
    Write the files of a page, each below the comment that names it.
    """
    text = (ROOT / "docs" / "guides" / page).read_text(encoding="utf-8")
    shown = "\n".join(token.content for token in MarkdownIt().parse(text) if token.info == "py")
    parts = re.split(r"^# (\w[\w/]*\.py)\n", shown, flags=re.MULTILINE)[1:]
    for name, code in zip(parts[::2], parts[1::2], strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code, encoding="utf-8")


async def test_a_launch_of_the_project_of_the_guide(tmp_path: Path) -> None:
    written("launch.md", tmp_path)
    with (tmp_path / "project" / "settings.py").open("a") as settings:
        settings.write(PROJECT)
    (tmp_path / "manage.py").write_text(
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'project.settings'\n" + LAUNCHED
    )
    assert await python(tmp_path, "manage.py") == "Hello, user-0001\n"


async def test_a_view_puts_and_a_command_posts(tmp_path: Path) -> None:
    written("outbox.md", tmp_path)
    paths = f"GRADES, AIOAGS_TOML = {str(tmp_path / 'grades.sqlite3')!r}, {str(tmp_path / 'aioags.toml')!r}\n"
    (tmp_path / "site_settings.py").write_text(PROJECT + paths)
    for name, code in (("answered.py", ANSWERED), ("posted.py", POSTED)):
        (tmp_path / name).write_text("import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'\n" + code)
    platform, there = Platform.create(), asyncio.Event()
    platform.watch(lambda change: there.set())
    async with serve(platform):
        write_config(tmp_path / "aioags.toml", "school", platform)
        assert await python(tmp_path, "answered.py", "user-0001") == "Your grade comes to the gradebook.\n"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        # Whoever runs the tests in the background of a shell has SIGINT ignored, and programs inherit that.
        posting = await asyncio.create_subprocess_exec(
            sys.executable, "posted.py", cwd=tmp_path, env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        await there.wait()
        posting.send_signal(signal.SIGINT)
        assert await posting.wait() == 0
    assert platform.result(None, "user-0001")["resultScore"] == 83

"""
The PostgreSQL of a test run ends with the run, even one that is killed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parent.parent.parent

OWNER = """
import sys
from tests.rigs.postgres import running_server
with running_server() as server:
    print(server.url(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("is_killed", [True, False])
def test_a_server_is_gone_with_its_folder_once_its_owner_is(is_killed: bool) -> None:
    pipe = subprocess.PIPE
    owner = subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, text=True, stdin=pipe, stdout=pipe, stderr=pipe)
    assert owner.stdout is not None
    url = owner.stdout.readline().strip()
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        if is_killed:
            owner.kill()
        # The server's keeper holds the same stderr, so this ends when both have ended.
        owner.communicate()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert not Path(url.partition("host=")[2]).exists()

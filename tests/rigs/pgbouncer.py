"""
A real PgBouncer in front of a PostgreSQL, in transaction mode: each transaction gets whichever connection is free.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.rigs.postgres import Server, find_servant

# With two connections behind it, whoever counts on getting the same one again soon gets another.
SETTINGS = """
[databases]
* = host={database} user=postgres

[pgbouncer]
listen_addr =
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
log_connections = 0
log_disconnections = 0
"""


@attrs.frozen
class Bouncer:
    """
    A PgBouncer that runs.

    Attributes:
        folder: Where its socket lies.
    """

    folder: Path

    def url(self, database_url: str) -> str:
        """
        Return the URL by which a database is reached through it.
        """
        name = database_url.partition("@/")[2].partition("?")[0]
        return f"postgresql://postgres@/{name}?host={self.folder}&port=6432"


@contextmanager
def running_bouncer(server: Server) -> Iterator[Bouncer]:
    """
    Run one for the time of the block.

    Raises:
        RuntimeError: It failed; it says what it said.
    """
    folder = Path(tempfile.mkdtemp(prefix="aioags-pgb-", dir="/tmp"))
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(database=server.folder, folder=folder), encoding="utf-8")
    # It refuses to run as root, as PostgreSQL does.
    somebody = find_servant()
    if somebody:
        os.chown(folder, somebody["user"], somebody["group"])
    folder.chmod(0o755)
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin") or "pgbouncer"
    # The shell ends it when its own input ends, which it does when we end, however that is.
    script = '"$1" "$2" & read -r _; kill $!'
    command = ["/bin/sh", "-c", script, "sh", program, str(settings)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", **somebody
    ) as process:
        try:
            _wait_for(process)
            yield Bouncer(folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _wait_for(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "process up" in line:
            return
    raise RuntimeError(said)

"""
The procrastinate app of `outbox_worker.py`; web processes may use it for jobs of their own.
"""

from __future__ import annotations

import os

import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"]))

"""
A Django project that puts scores within `atomic`. Run as ``python -m tests.outbox.django_atomic URL``; prints how many
scores and jobs there are for everybody to see, step by step.
"""

from __future__ import annotations

import sys

import django
import psycopg
from django.conf import settings
from django.db import connection, transaction

from aioags.contrib.procrastinate import enqueue
from aioags.outbox.conformance.given import entry

COUNTS = "SELECT (SELECT count(*) FROM aioags_outbox_score), (SELECT count(*) FROM procrastinate_jobs)"


class Undone(Exception):
    """
    Takes a transaction back.
    """


def configure(url: str) -> None:
    """
    Set the project up on a database.
    """
    parts = psycopg.conninfo.conninfo_to_dict(url)
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": parts["dbname"], "USER": parts["user"]}
    settings.configure(DATABASES={"default": database | {"HOST": parts["host"]}})
    django.setup()


def roll_back(user: str) -> None:
    """
    Put a score, and fail.
    """
    try:
        with transaction.atomic():
            enqueue(connection, [entry(user)])
            raise Undone
    except Undone:
        pass


def main(url: str) -> None:
    """
    Go through the steps.
    """
    configure(url)

    def show(step: str) -> None:
        with psycopg.connect(url) as other:
            print(step, other.execute(COUNTS).fetchone())

    with transaction.atomic():
        enqueue(connection, [entry("ada")])
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE callers_own (x integer)")
        show("within")
    show("after the commit")
    roll_back("bob")
    show("after a rollback")
    with transaction.atomic():
        roll_back("bob")
        enqueue(connection, [entry("eve")])
    show("after a rollback within")
    enqueue(connection, [entry("joe")])
    show("without atomic")


if __name__ == "__main__":
    main(sys.argv[1])

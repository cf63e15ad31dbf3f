"""
The same verbs for programs without an event loop: Flask, Django under WSGI, Celery, scripts, threads.

One `Client` for the whole program, shared by all of its threads: it keeps one event loop in a thread of its own, and
in that an `aioags.Client`. Nouns iterate, verbs return what the asynchronous ones give when they are awaited. Each call
may raise what that one raises, and takes the same arguments; a callback such as ``on_event`` runs in the background
thread.

After a fork the child's first call makes a loop and a client of its own; at exit all are closed. Calls from a thread
that runs an event loop are refused, and so are those of gevent and eventlet.

Example:
    >>> with Client() as ags:
    ...     gradebook = ags.gradebook(registration, endpoint)
    ...     report = gradebook.post_scores(scores)
"""

from aioags.blocking.client import Client
from aioags.blocking.gradebook import Gradebook
from aioags.blocking.posting import Deliveries, Plan, Scores

__all__ = ["Client", "Deliveries", "Gradebook", "Plan", "Scores"]

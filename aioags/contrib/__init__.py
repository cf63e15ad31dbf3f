"""
One thin file for each web framework: routes for launches, and one `Client` from start-up to shutdown.

The verbs are the same everywhere. ``lti = LTI(settings)``; ``@lti.on_launch`` marks the handler, which gets the
request, a `Launch` and its `Gradebook` (None: the launch offers no grades); ``lti.client()`` is the client, for
everything later. The routes are ``login``, ``launch`` and ``jwks``.

Beside them `aioags.contrib.opentelemetry`: spans and metrics.
"""

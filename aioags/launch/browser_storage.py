"""
The platform's storage, for browsers that keep no cookie of ours in a frame (LTI OIDC Login with LTI Client Side
postMessages 0.1, LTI postMessage Storage 0.1).

Theory of operation. A login makes a second secret beside the cookie's. Its digest is in the sealed state; it itself is
in the page that answers the login, and nowhere in a URL. That page puts it into the platform's storage, which keeps
what each origin put for that origin alone, and goes on to the platform. If the launch then comes without the cookie, a
second page takes the secret out, and posts it to the launch route together with what came. The *server* compares it
there. That a page of ours found something in a storage would prove nothing: whoever posts a launch can say so.

The message names the platform's origin as its receiver, that of the registered authorization URL, and an answer counts
from that origin alone. So a page that frames a launch of its own making can neither read what is put nor answer.
"""

from __future__ import annotations

from html import escape

import attrs

LONGEST_TARGET = 255
"""Characters of a frame's name; the state carries it."""

SECRET_FIELD = "aioags_storage"
"""The field of the form that brings the secret back. Empty: the storage did not answer."""

# How long the browser waits for the platform's answer, milliseconds; those who know no such messages stay silent.
_PATIENCE = 1500
# Exchanges one message: resolves to the reply's value, or to null where none comes. By lti.capabilities the platform
# says what it calls the messages and which frame takes them; Brightspace's own names are older. It is asked at the same
# time, since the standard's names are right for nearly all. An error is not the end: the other name may do.
_SCRIPT = """
const host = window.opener || window.parent, given = document.body.dataset;
const origin = new URL(given.platform).origin;
const frame = (name) => {
  try { return name !== "_parent" && host.frames[name]?.postMessage ? host.frames[name] : host } catch { return host }
};
const ask = (verb, fields) => new Promise((resolve) => {
  if (host === window) return resolve(null);
  const id = crypto.getRandomValues(new Uint32Array(4)).join("-"), asked = new Set();
  const send = (subject, name) => {
    if (asked.has(subject + " " + name)) return;
    asked.add(subject + " " + name);
    frame(name).postMessage({subject, message_id: id, key: given.key, ...fields}, origin);
  };
  const hear = ({origin: from, source, data}) => {
    if (!data || data.message_id !== id || typeof data.subject !== "string") return;
    if (data.subject === "lti.capabilities.response" && source === host)
      for (const one of Array.isArray(data.supported_messages) ? data.supported_messages : [])
        if (/^(org\\.imsglobal\\.)?lti\\.(put|get)_data$/.test(one?.subject) && one.subject.endsWith(verb))
          send(one.subject, one.frame || given.target);
    if (from === origin && data.subject.endsWith(verb + ".response") && !data.error) done(data.value ?? null);
  };
  const done = (value) => { removeEventListener("message", hear); resolve(value) };
  addEventListener("message", hear);
  setTimeout(done, given.patience, null);
  send("lti." + verb, given.target);
  host.postMessage({subject: "lti.capabilities", message_id: id}, "*");
});
"""
_PUT = """
ask("put_data", {value: given.secret}).then(() => location.replace(given.url));
"""
# Taken out at once: a tool has room for 500 values there.
_GET = """
ask("get_data", {}).then((value) => {
  if (value !== null) ask("put_data", {value: null});
  document.forms[0].elements[given.field].value = value ?? "";
  document.forms[0].submit();
});
"""
SHOWN_LATE = "<style>body{animation:late 3s}@keyframes late{from,to{visibility:hidden}}</style>"
"""
Shows a page's way on by hand, once its script surely did not run: where a content security policy forbids it, scripts
are on, and ``noscript`` shows nothing.
"""

_DOCUMENT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>One moment</title>{late}</head>
<body{data}>{body}<script>{script}</script></body></html>
"""


@attrs.frozen
class StorageEntry:
    """
    Where one login's second secret lies.

    Attributes:
        platform: The platform's authorization URL, whose origin alone may hear and answer.

        target: ``lti_storage_target``: the name of a frame of the platform's, or ``_parent``.

        key: One for each login, as the cookie's name.
    """

    platform: str
    target: str
    key: str


def put_page(entry: StorageEntry, secret: str, url: str) -> str:
    """
    Return the page that puts the secret into the platform's storage, and goes on to `url` in any case.
    """
    body = f'<a href="{escape(url)}">Go on</a>'
    return _page(entry, body, _PUT, secret=secret, url=url)


def get_page(entry: StorageEntry, form: dict[str, str]) -> str:
    """
    Return the page that takes the secret out, and posts it with a form's fields to where it itself came from.
    """
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in {**form, SECRET_FIELD: ""}.items()
    )
    body = f'<form method="post">{fields}<button>Go on</button></form>'
    return _page(entry, body, _GET, field=SECRET_FIELD)


def _page(entry: StorageEntry, body: str, script: str, **data: str) -> str:
    told = attrs.asdict(entry) | data | {"patience": str(_PATIENCE)}
    said = "".join(f' data-{name}="{escape(value)}"' for name, value in told.items())
    return _DOCUMENT.format(late=SHOWN_LATE, data=said, body=body, script=_SCRIPT + script)

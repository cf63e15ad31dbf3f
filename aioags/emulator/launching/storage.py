"""
The page around a tool, and the storage in it for tools whose cookies the browser does not keep (LTI postMessage Storage
0.1): small texts under keys, for each origin its own, for as long as the page is shown.
"""

from __future__ import annotations

from aioags.emulator.launching.desk import ROOT, LaunchDesk
from aioags.emulator.launching.pages import page
from aioags.emulator.wire.html import NOTHING, Html, fill
from aioags.emulator.wire.messages import Answer, Asked

STORAGE = f"{ROOT}/storage"

# The bounds are those of Canvas and Brightspace. A frame of its own shares what the page around it keeps.
_SCRIPT = Html("""<script>
const [KEYS, CHARACTERS] = [500, 4096];
const kept = window.kept = parent.kept ?? new Map();
const frame = document.getElementById("storage")?.name;
const supported = ["lti.capabilities", "lti.put_data", "lti.get_data"].map((subject) =>
  ({subject, ...(frame && subject !== "lti.capabilities" && {frame})}));
addEventListener("message", ({data, origin, source}) => {
  if (typeof data?.subject !== "string" || data.subject.endsWith(".response")) return;
  const {subject, message_id, key, value} = data;
  const reply = (more) => source.postMessage({subject: subject + ".response", message_id, ...more}, origin);
  const refuse = (code, message) => reply({error: {code, message}});
  if (!supported.some((one) => one.subject === subject)) return refuse("unsupported_subject", subject);
  if (typeof message_id !== "string") return refuse("bad_request", "message_id is missing");
  if (subject === "lti.capabilities") return reply({supported_messages: supported});
  if (typeof key !== "string" || !key) return refuse("bad_request", "key is missing");
  if (!kept.has(origin)) kept.set(origin, new Map());
  const own = kept.get(origin);
  if (subject === "lti.get_data") return reply({key, value: own.get(key) ?? null});
  const held = [...own].filter(([name]) => name !== key);
  const characters = held.flat().concat(key, value ?? "").join("").length;
  if (value === null) own.delete(key);
  else if (held.length >= KEYS || characters > CHARACTERS) return refuse("storage_exhaustion", "too much is kept");
  else own.set(key, value);
  reply({key, value});
});
</script>""")
# The tool is opened once its storage listens.
_FRAME = (
    '<iframe id="storage" name="{name}" src="{storage}" hidden'
    ' onload="this.onload = null; const tool = this.previousElementSibling; tool.src = tool.dataset.src"></iframe>'
)


def frame_page(desk: LaunchDesk, asked: Asked) -> Answer:
    """
    Build a page of the platform that shows the tool in a frame.
    """
    source = f"{ROOT}/start?{asked.raw_query}&framed=1"
    name = desk.classroom.profile.launch.storage_frame
    own = name is not None and name != "_parent"
    body = fill(
        '<h1>Course</h1><iframe name="tool" {attribute}="{source}"></iframe>{frame}{script}',
        attribute="data-src" if own else "src",
        source=source,
        frame=fill(_FRAME, name=name, storage=STORAGE) if own else NOTHING,
        script=NOTHING if name is None else _SCRIPT,
    )
    return page("Course", body)


def storage_page(desk: LaunchDesk, asked: Asked) -> Answer:
    """
    Build the hidden frame that keeps what tools put.
    """
    return page("Storage", _SCRIPT)

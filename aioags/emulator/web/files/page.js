// The gradebook page's script. The page is complete without it; with it cells and requests are live, panels open as
// dialogs, arrow keys move in the table, and typing finds people.

const ANNOUNCED_EVERY = 5000; // milliseconds: a screen reader is not to be talked over
const KINDS = ["ok", "refused", "lost", "waiting"];
const REST = 4; // a page is fetched again only after so many times as long as the last one took
const KEPT = 50; // requests of each kind; the server sends so many at first

// What opens a panel; what launches a tool opens a window.
const PANELS = "#grades a:not(.launch), #requests a, [data-panel] a.refusal";

const find = (selector, root = document) => root.querySelector(selector);
const dialog = find("dialog");
const panel = find("[data-panel]");
const log = () => find("#requests"); // replaced when the page is fetched again

// -- Where things are ------------------------------------------------------------------------------------------------

let cells = new Map(); // "item:user" -> td
let version = "";
let current = null; // the one link of the table that Tab reaches

function readTable() {
  const table = find("#grades");
  version = table.dataset.version;
  cells = new Map([...table.querySelectorAll("td")].map((cell) => [cell.dataset.cell, cell]));
  table.setAttribute("role", "grid");
  const links = table.querySelectorAll("a");
  links.forEach((link) => (link.tabIndex = -1));
  setCurrent(find("tbody td a", table) ?? links[0] ?? null);
  findPeople();
}

function setCurrent(link) {
  if (current) current.tabIndex = -1;
  current = link;
  if (current) current.tabIndex = 0;
}

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// -- Live ------------------------------------------------------------------------------------------------------------

let source = null;
let fetching = false;
let held = []; // messages that came while the page was fetched again
let unsaid = { all: 0, bad: 0 };

const number = (text) => Number(text.split(".")[1]);
const run = (text) => text.split(".")[0];

function connect() {
  source = new EventSource("/gradebook/events");
  source.addEventListener("hello", (event) => {
    showState("on", "Live");
    if (event.data !== version) fetchAgain();
  });
  source.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (fetching) held.push(message);
    else apply(message);
  };
  source.onerror = () => {
    const over = source.readyState === EventSource.CLOSED;
    showState("lost", over ? "Not live: reload to try again" : "Connection lost, trying again…");
  };
}

function disconnect() {
  source?.close();
  source = null;
}

function showState(state, text) {
  find("[data-live]").dataset.live = state;
  find("[data-live-text]").textContent = text;
}

function apply(message) {
  version = message.version;
  find("[data-total]").textContent = message.total.toLocaleString("en");
  for (const [key, html] of Object.entries(message.cells)) replaceCell(key, html);
  if (message.requests.length) showRequests(message.requests);
  if (message.faults) replaceFaults(parse(message.faults).firstElementChild);
  if (message.again) fetchSoon();
}

// However much happens, a large table takes the server's and the browser's time for a part of the time only.
let notBefore = 0;
let due = null;

function fetchSoon() {
  due ??= setTimeout(fetchAgain, notBefore - performance.now());
}

async function fetchAgain() {
  if (fetching) return;
  clearTimeout(due);
  due = null;
  fetching = true;
  const began = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) replacePage(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The server is away; the next hello fetches again.
  } finally {
    fetching = false;
    const now = performance.now();
    notBefore = now + REST * (now - began);
  }
  const messages = held;
  held = [];
  for (const message of messages) {
    // What the page already holds must not be put back to what it was.
    if (run(message.version) !== run(version) || number(message.version) > number(version)) apply(message);
  }
}

function replacePage(page) {
  const at = current && whereIs(current);
  const hadFocus = current !== null && document.activeElement === current;
  for (const selector of ["#grades", "#requests", "[data-parts]", "[data-notes]"]) {
    find(selector).replaceWith(find(selector, page));
  }
  find("[data-total]").textContent = find("[data-total]", page).textContent;
  replaceFaults(find("#faults", page));
  readTable();
  const link = at && linkAt(at.row, at.column);
  if (link) setCurrent(link);
  if (link && hadFocus) link.focus({ preventScroll: true });
}

function replaceCell(key, html) {
  const old = cells.get(key);
  if (!old) return;
  const fresh = parse(`<table><tr>${html}</tr></table>`).querySelector("td");
  const link = find("a", fresh);
  const wasCurrent = current !== null && old.contains(current);
  const hadFocus = old.contains(document.activeElement);
  link.tabIndex = -1;
  fresh.classList.add("fresh");
  old.replaceWith(fresh);
  cells.set(key, fresh);
  if (wasCurrent) {
    current = null;
    setCurrent(link);
  }
  if (hadFocus) link.focus({ preventScroll: true });
}

function showRequests(entries) {
  const shown = document.createDocumentFragment();
  for (const html of entries) {
    const entry = parse(html).firstElementChild;
    find(`li[data-number="${entry.dataset.number}"]`, log())?.remove();
    entry.classList.add("fresh");
    shown.prepend(entry);
    unsaid.all += 1;
    if (entry.matches(".refused, .lost")) unsaid.bad += 1;
  }
  log().prepend(shown);
  for (const kind of KINDS) {
    for (const entry of [...log().getElementsByClassName(kind)].slice(KEPT)) entry.remove();
  }
}

function replaceFaults(fresh) {
  const old = find("#faults");
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const name = focused && find("input", focused.form ?? old)?.value;
  const onSummary = focused?.matches("summary");
  fresh.open = old.open;
  old.replaceWith(fresh);
  if (onSummary) find("summary", fresh).focus();
  else if (name) find(`input[value="${CSS.escape(name)}"]`, fresh)?.form.querySelector("button").focus();
}

function announce(text) {
  find("[data-announce]").textContent = text;
}

setInterval(() => {
  if (!unsaid.all) return;
  announce(`${unsaid.all} new requests${unsaid.bad ? `, ${unsaid.bad} of them failed` : ""}.`);
  unsaid = { all: 0, bad: 0 };
}, ANNOUNCED_EVERY);

// -- Arrow keys in the table -----------------------------------------------------------------------------------------

function rows() {
  return [...find("#grades").rows].filter((row) => !row.classList.contains("unfound"));
}

function whereIs(link) {
  const cell = link.closest("th, td");
  return { row: rows().indexOf(cell.parentElement), column: cell.cellIndex };
}

function linkAt(row, column) {
  const cell = rows()[row]?.cells[column];
  return cell ? find("a", cell) : null;
}

function move(event) {
  const link = event.target.closest("#grades a");
  if (!link || event.ctrlKey || event.altKey || event.metaKey) return;
  const all = rows();
  const last = { row: all.length - 1, column: all[0].cells.length - 1 };
  const { row, column } = whereIs(link);
  const steps = {
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    Home: [row, 1],
    End: [row, last.column],
    PageUp: [Math.max(1, row - 10), column],
    PageDown: [Math.min(last.row, row + 10), column],
  };
  const next = event.key in steps ? linkAt(...steps[event.key]) : null;
  if (!(event.key in steps)) return;
  event.preventDefault();
  if (next) {
    setCurrent(next);
    next.focus();
  }
}

// -- Panels ----------------------------------------------------------------------------------------------------------

let opener = null; // where the focus goes back to: a selector, for the element may be replaced meanwhile

function selectorOf(link) {
  const cell = link.closest("td[data-cell]");
  if (cell) return `td[data-cell="${CSS.escape(cell.dataset.cell)}"] a`;
  return `a[href="${CSS.escape(link.getAttribute("href"))}"]`;
}

async function openPanel(link) {
  opener = selectorOf(link);
  const answer = await fetch(link.href);
  showPanel(await answer.text());
}

function showPanel(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  panel.replaceChildren(find(".panel", page));
  if (!dialog.open) dialog.showModal();
  const field = find("[aria-invalid], [autofocus]", panel);
  field?.focus();
  field?.select?.();
}

async function submit(form, button) {
  const data = new URLSearchParams(new FormData(form, button));
  const answer = await fetch(form.action, { method: "POST", body: data, headers: { Accept: "application/json" } });
  if (answer.status !== 204) showPanel(await answer.text());
  else if (dialog.contains(form)) {
    dialog.close();
    announce("Saved.");
  }
}

dialog.addEventListener("close", () => {
  const link = opener && find(opener);
  if (link?.closest("#grades")) setCurrent(link);
  link?.focus();
});

// A click beside the panel closes it; one inside has another target.
dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close-dialog]")) dialog.close();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("a[href='#faults']")) find("#faults").open = true;
  const link = event.target.closest(PANELS);
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openPanel(link).catch(() => (location.href = link.href));
});

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  event.preventDefault();
  submit(event.target, event.submitter).catch(() => event.target.submit());
});

document.addEventListener("keydown", move);

// -- Finding people --------------------------------------------------------------------------------------------------

function findPeople() {
  const wanted = find("#find").value.trim().toLocaleLowerCase();
  for (const row of find("#grades").tBodies[0].rows) {
    const [name, id] = [find(".name", row).textContent, find(".id", row).textContent];
    row.classList.toggle("unfound", !`${name}\n${id}`.toLocaleLowerCase().includes(wanted));
  }
}

find("#find").addEventListener("input", findPeople);

// -- Begin -----------------------------------------------------------------------------------------------------------

readTable();
connect();

// A browser allows six connections to one address: a window that nobody sees needs none.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) disconnect();
  else if (!source) connect();
});

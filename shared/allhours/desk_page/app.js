// The desk: sign-in, views, keys, and the heartbeat that keeps what is shown true.

import { line, read } from "./api.js";
import { ask, button, h, icon, say } from "./dom.js";
import * as inbox from "./inbox.js";
import { configuration, finish, signedIn, signIn, signOut } from "./sign_in.js";

const EVERY = { list: 5000, case: 3000, answering: 1000, pages: 15_000 }; // ms
const KEYS = [
  ["j / k", "next, previous"],
  ["Enter", "open"],
  ["r", "answer"],
  ["c", "answer cards"],
  ["1 … 9", "insert a card (Alt+1 … 9 while typing)"],
  ["p", "private or public"],
  ["Ctrl + Enter", "send"],
  ["t", "take it"],
  ["h", "hand over"],
  ["e", "close with a cause"],
  ["n", "note"],
  ["a", "approve"],
  ["m", "more: stop answers, legal hold"],
  ["z", "undo"],
  ["/", "search"],
  ["g", "pages"],
  ["l", "light lane"],
  ["i", "inbox"],
  ["Esc", "back"],
  ["?", "these keys"],
];

const part = (id) => document.getElementById(id);
let me = null;
let config = {};
let view = "";
let case_view = null; // these two are loaded once the first list is on the screen
let lists = null;

// -- looks and switches

const THEMES = { auto: "as the device", light: "light", dark: "dark" };
const kept = (key, usual) => localStorage.getItem(`allhours.${key}`) || usual;

function dress() {
  document.documentElement.dataset.theme = kept("theme", "auto");
}

function next_theme() {
  const all = Object.keys(THEMES);
  localStorage.setItem("allhours.theme", all[(all.indexOf(kept("theme", "auto")) + 1) % all.length]);
  dress();
  say(`Colours: ${THEMES[kept("theme", "auto")]}`);
  draw_top();
}

function draw_top() {
  const tab = (to, words, picture, key, count = 0) =>
    h(
      "a",
      {
        href: to,
        "aria-current":
          { "#/": "inbox", "#/pages": "pages", "#/light": "light" }[to] === view ? "page" : null,
        "aria-keyshortcuts": key,
      },
      icon(picture),
      h("span", {}, words),
      count > 0 && h("span", { class: "count" }, count, h("span", { class: "unseen" }, " waiting")),
    );
  part("top").replaceChildren(
    h(
      "a",
      { class: "brand", href: "#/", "aria-label": "Allhours, inbox" },
      icon("clock"),
      h("b", {}, "Allhours"),
      h("span", { class: "hush" }, config.name || ""),
    ),
    h(
      "nav",
      { "aria-label": "Desk" },
      tab("#/", "Inbox", "inbox", "i"),
      tab("#/pages", "Pages", "bell", "g", lists?.pages.waiting),
      tab("#/light", "Light", "feather", "l"),
    ),
    h(
      "div",
      { class: "row tools" },
      button(
        "",
        {
          icon: "theme",
          class: "quiet bare",
          "aria-label": `Colours: ${THEMES[kept("theme", "auto")]}. Change`,
          title: `Colours: ${THEMES[kept("theme", "auto")]}`,
        },
        next_theme,
      ),
      button(
        "",
        {
          icon: "help",
          class: "quiet bare",
          "aria-label": "Keys",
          title: "Keys (?)",
          "aria-keyshortcuts": "?",
        },
        keys,
      ),
      button(
        "",
        {
          icon: "out",
          class: "quiet bare",
          "aria-label": me ? `Sign out ${me.name}` : "Sign out",
          title: me ? `Sign out ${me.name}` : "Sign out",
        },
        leave_desk,
      ),
    ),
  );
}

async function leave_desk() {
  if (case_view?.unsaved()) {
    await case_view.compose().save();
    if (
      case_view.unsaved() &&
      !(await ask({
        title: "Sign out?",
        intro: "What you typed could not be saved and would be lost.",
        yes: "Sign out",
      }))
    )
      return;
  }
  await signOut();
}

function keys() {
  const list = h(
    "dl",
    { class: "keys" },
    KEYS.map(([key, does]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, does))),
  );
  const single = h("input", {
    type: "checkbox",
    id: "single",
    checked: kept("keys", "on") === "on",
    onchange: () => localStorage.setItem("allhours.keys", single.checked ? "on" : "off"),
  });
  const dialog = h(
    "dialog",
    { class: "sheet", "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    h("h2", { id: "keys-title" }, "Keys"),
    list,
    h(
      "label",
      { class: "row", for: "single" },
      single,
      "Single letters do something (turn it off if you speak to your device)",
    ),
    h(
      "div",
      { class: "row end" },
      button("Close", { key: "Esc" }, () => dialog.close()),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  dialog.querySelector("button").focus();
}

// -- views; the address says where we are, so Back works and a page can link to its case

function show(wanted) {
  view = wanted;
  document.body.dataset.view = wanted;
  part("list").hidden = wanted === "start";
  part("case").hidden = wanted === "start";
  part("start").hidden = wanted !== "start";
  part("case").setAttribute("aria-label", { pages: "Pages", light: "Light lane" }[wanted] || "Case");
  part("top").hidden = wanted === "start";
  if (wanted !== "start") draw_top();
}

async function follow() {
  const [, kind, told] = /^#\/(\w*)\/?(.*)$/.exec(location.hash) || ["", "", ""];
  if (kind === "case" && told) {
    const id = decodeURIComponent(told);
    show("case");
    inbox.opened(id);
    if (case_view.current() !== id)
      await guarded(() => case_view.open(id, inbox.row_of(id)), case_view.failed);
    return;
  }
  case_view.close();
  inbox.opened("");
  if (kind === "pages" || kind === "light") {
    show(kind);
    const list = lists[kind];
    list.mount(part("case"));
    await guarded(() => list.refresh());
    return;
  }
  show("inbox");
  part("case").replaceChildren(
    h(
      "div",
      { class: "nothing hush" },
      icon("inbox"),
      h(
        "p",
        {},
        "Choose a case. ",
        h("kbd", {}, "j"),
        " and ",
        h("kbd", {}, "k"),
        " move, ",
        h("kbd", {}, "Enter"),
        " opens, ",
        h("kbd", {}, "?"),
        " shows all keys.",
      ),
    ),
  );
}

/** Do it; what goes wrong becomes a sentence. */
async function guarded(doing, failed) {
  try {
    return await doing();
  } catch (problem) {
    if (!problem.status && problem.status !== 0) throw problem;
    if (failed) failed(problem);
    else if (![0, 401].includes(problem.status)) banner(problem.message);
    return null;
  }
}

// -- the line to the desk

function banner(text, action) {
  const host = part("banner");
  host.hidden = !text;
  if (host.dataset.text === text) return;
  host.dataset.text = text;
  host.replaceChildren(...(text ? [icon("alert"), h("span", {}, text), action].filter(Boolean) : []));
}

line.addEventListener("line", ({ detail: problem }) => {
  if (!problem) banner("");
  else banner(problem.message, problem.status === 401 ? button("Sign in", {}, sign_in) : null);
});
addEventListener("offline", () =>
  banner("No connection. What you typed is kept here and is saved when the connection is back."),
);
addEventListener("online", () => beat(true));
addEventListener("pagehide", () => case_view?.stash());
addEventListener("beforeunload", (event) => {
  if (case_view?.unsaved() && !leaving) event.preventDefault();
});

let leaving = false;
async function sign_in() {
  case_view?.stash();
  leaving = true;
  try {
    await signIn();
  } catch (problem) {
    leaving = false;
    start("The sign-in service cannot be reached. Try again in a moment.", problem);
  }
}

// -- the heartbeat: conditional reads, none while nobody looks

let called = 0;
function paged() {
  const { pages } = lists;
  if (pages.waiting > called) say(`A page is waiting: ${pages.things.find(pages.open).subject}`, true);
  if (pages.waiting !== called) {
    called = pages.waiting;
    draw_top();
  }
}

const asked = { list: 0, case: 0, pages: -EVERY.pages, light: 0 };
let beating = false;
async function beat(now = false) {
  if (beating || document.hidden || !lists || view === "start" || !signedIn()) return;
  beating = true;
  const due = (what, every) => {
    const yes = now || performance.now() - asked[what] >= every;
    if (yes) asked[what] = performance.now();
    return yes;
  };
  try {
    if (due("list", EVERY.list)) await guarded(() => inbox.refresh());
    if (case_view.current() && due("case", case_view.answering() ? EVERY.answering : EVERY.case))
      await guarded(() => case_view.refresh(), case_view.failed);
    if (due("pages", view === "pages" ? EVERY.list : EVERY.pages)) await guarded(() => lists.pages.refresh());
    if (view === "light" && due("light", EVERY.pages)) await guarded(() => lists.light.refresh());
  } finally {
    beating = false;
  }
}
document.addEventListener("visibilitychange", () => beat(true));

// -- keys

const LETTERS = {
  r: "answer",
  c: "cards",
  t: "take",
  h: "hand_over",
  e: "close",
  n: "note",
  a: "approve",
  p: "privacy",
  m: "more",
};
const here = () => (["pages", "light"].includes(view) ? lists[view] : inbox);

const MOVES = {
  j: () => here().move(1),
  k: () => here().move(-1),
  "/": () => {
    if (view !== "case" || innerWidth > 800) inbox.search();
    else {
      location.hash = "#/";
      setTimeout(inbox.search);
    }
  },
  g: () => {
    location.hash = "#/pages";
  },
  l: () => {
    location.hash = "#/light";
  },
  i: () => {
    location.hash = "#/";
  },
  "?": keys,
  z: () => document.querySelector("[data-undo]")?.click(),
};

addEventListener("keydown", (event) => {
  if (view === "start" || !lists || document.querySelector("dialog[open]") || event.isComposing) return;
  const typing = event.target.matches("input:not([type=radio]),textarea,select");
  if (event.key === "Escape") return back(typing);
  if (typing || event.ctrlKey || event.metaKey || event.altKey || kept("keys", "on") !== "on")
    return undefined;
  const doing =
    MOVES[event.key] ||
    (LETTERS[event.key] && (() => letter(LETTERS[event.key]))) ||
    (/^[1-9]$/.test(event.key) && (() => case_view.compose()?.insert(event.key - 1)));
  if (!doing) return undefined;
  event.preventDefault();
  return doing();
});

/** Do it to the open case; from the list, open the current row first. */
async function letter(verb) {
  if (!case_view.current()) {
    const row = document.activeElement?.closest(".rows a");
    if (!row) return;
    location.hash = row.getAttribute("href");
    await case_view.open(decodeURIComponent(row.getAttribute("href").slice(7)));
  }
  await case_view.act(verb);
}

function back(typing) {
  const composer = case_view.compose();
  if (composer?.expanded && part("case").contains(document.activeElement) && typing) {
    composer.save();
    document.activeElement.blur();
    part("case").querySelector(".talk").focus();
    return;
  }
  if (composer?.expanded && part("case").contains(document.activeElement)) {
    composer.save();
    composer.fold();
    part("case").querySelector("h1")?.focus();
    return;
  }
  if (view !== "inbox") location.hash = "#/";
  inbox.focus();
}

document.querySelectorAll("[data-skip]").forEach((link) =>
  link.addEventListener("click", (event) => {
    event.preventDefault();
    if (link.dataset.skip === "list") inbox.focus();
    else part("case").focus();
  }),
);

// -- the start

function start(trouble = "") {
  show("start");
  const where = config.name || "Allhours";
  const able = Boolean(config.issuer && config.client_id);
  part("start").replaceChildren(
    h(
      "div",
      { class: "start-card" },
      icon("clock"),
      h("h1", {}, "The desk", h("span", { class: "hush" }, ` of ${where}`)),
      trouble && h("p", { class: "trouble" }, icon("alert"), h("span", {}, trouble)),
      able
        ? [
            h("p", { class: "hush" }, "Every customer, answered once, by a person."),
            h("button", { type: "button", class: "primary wide", onclick: sign_in }, "Sign in"),
          ]
        : h("p", {}, config.tells || "Nobody can sign in here yet: this desk knows no sign-in service."),
    ),
  );
  part("start").querySelector("button")?.focus();
}

async function begin() {
  dress();
  let trouble;
  try {
    config = await configuration();
    document.title = `${config.name || "Allhours"} desk`;
    trouble = await finish();
  } catch {
    trouble = "The desk or its sign-in service cannot be reached. Load this page again in a moment.";
  }
  if (trouble || !config.issuer || !signedIn()) return start(trouble);
  inbox.mount(part("list"));
  show("inbox");
  const first = guarded(() => inbox.refresh()); // one request shows the first list; the rest comes after it
  if (!location.hash.startsWith("#/case")) await first;
  asked.list = performance.now();
  const loading = [import("./case.js"), import("./lists.js"), guarded(() => read("me"))];
  const [loaded, loaded_lists, told] = await Promise.all(loading);
  [case_view, lists, me] = [loaded, loaded_lists, told?.body || me];
  lists.pages.told = paged;
  case_view.mount(part("case"), {
    member: () => me?.member,
    units: () => me?.all_units || [],
    causes: () => me?.causes || [],
    gone: () => {
      location.hash = "#/";
    },
  });
  if (me) inbox.units(me);
  await follow();
  addEventListener("hashchange", follow);
  setInterval(beat, 500);
  if (view === "inbox" && innerWidth > 800) inbox.focus();
  return undefined;
}

begin();

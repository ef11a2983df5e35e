// One case: what was said and answered, why it is here, who is on duty, and what this member may do with it.

import { path, read, write } from "./api.js";
import { Composer } from "./composer.js";
import {
  ask,
  button,
  countdown,
  h,
  icon,
  leave,
  name,
  network,
  renew,
  said,
  say,
  toast,
  when,
  words,
} from "./dom.js";

const STATES = {
  ready: "on its way",
  claimed: "on its way",
  posted: "posted",
  rejected: "not posted",
  needs_human: "a person must look",
};

let section = null;
let hooks = null;
let id = "";
let whole = null;
let composer = null;
let parts = null;
let trail = null;

/** `told` has member(), units(), causes() and gone(). */
export function mount(host, told) {
  section = host;
  hooks = told;
}

export const current = () => id;
export const compose = () => composer;
export const unsaved = () => Boolean(composer?.dirty && composer.words.text);
export const answering = () =>
  Boolean(
    whole?.conversation.some((entry) => entry.kind === "reply" && ["ready", "claimed"].includes(entry.state)),
  );

/** Open a case; what was being written in another one is saved there. */
export async function open(wanted, row) {
  close();
  id = wanted;
  parts = null;
  section.replaceChildren(
    h(
      "p",
      { class: "hush opening" },
      row ? ["Opening ", name(row.author.name || row.author.handle), "…"] : "Opening the case…",
    ),
  );
  await refresh();
}

export function close() {
  composer?.save();
  id = "";
  whole = null;
  composer = null;
}

export const stash = () => composer?.stash();

/** Read the case again and show what changed. */
export async function refresh() {
  if (!id) return;
  const asked = id;
  const answer = await read(path("cases", asked));
  if (asked !== id || (!answer.changed && whole)) return;
  const before = whole;
  whole = answer.body;
  draw();
  if (before) announce(before);
}

/** Show that it cannot be read, in place of the case; one that left our sight leaves the words typed to it. */
export function failed(problem) {
  if (whole && ![403, 404].includes(problem.status)) return;
  const typed = unsaved() ? composer.words.text : "";
  id = "";
  whole = composer = null;
  section.replaceChildren(
    h(
      "div",
      { class: "start-card" },
      h("h2", {}, "This case cannot be shown"),
      h("p", {}, problem.message),
      typed && [h("p", { class: "hush" }, "What you had typed:"), said(typed)],
      button("Back to the inbox", { key: "Esc" }, hooks.gone),
    ),
  );
}

function announce(before) {
  const known = new Map(before.conversation.map((entry) => [entry.key, entry]));
  for (const entry of whole.conversation) {
    const old = known.get(entry.key);
    if (!old && entry.kind === "item") say(`${entry.who} wrote again`);
    if (entry.kind === "reply" && old && STATES[old.state] !== STATES[entry.state])
      toast(`Your side’s answer: ${STATES[entry.state]}${entry.reason ? `, ${entry.reason}` : ""}.`);
  }
}

function build() {
  trail = null;
  parts = {
    head: h("header", { class: "case-head" }),
    notices: h("div", { class: "notices" }),
    talk: h("ol", { class: "talk", tabindex: "0", "aria-label": "Conversation" }),
    compose: h("div", { class: "compose" }),
    side: h("aside", { class: "side", "aria-label": "About this case" }),
    bar: h("div", { class: "bar", role: "toolbar", "aria-label": "Actions" }),
  };
  section.replaceChildren(
    h(
      "article",
      { class: "case" },
      parts.head,
      parts.bar,
      h("div", { class: "middle" }, parts.notices, parts.talk, parts.compose),
      parts.side,
    ),
  );
  composer = new Composer(parts.compose, whole, { refresh, member: hooks.member });
  new ResizeObserver(keep_in_sight).observe(parts.talk);
}

/** Keep what is being answered in sight while the composer grows below it. */
function keep_in_sight() {
  const answered =
    composer?.expanded &&
    [...parts.talk.children].find((entry) => entry.dataset.key === `item ${composer.words.item_key}`);
  if (answered)
    parts.talk.scrollTop =
      answered.offsetTop - parts.talk.offsetTop + answered.offsetHeight - parts.talk.clientHeight + 12;
}

function draw() {
  const first = !parts;
  if (first) build();
  else composer.take_in(whole);
  const { conversation } = whole;
  const atEnd = parts.talk.scrollHeight - parts.talk.scrollTop - parts.talk.clientHeight < 60;
  const grew = parts.talk.children.length !== conversation.length;
  renew(parts.head, [about()], () => "head", draw_head);
  renew(
    parts.bar,
    [{ actions: whole.actions, waits: whole.draft?.state === "waiting" }],
    () => "bar",
    draw_bar,
  );
  renew(parts.notices, notices(), (notice) => notice.key, draw_notice);
  renew(parts.talk, conversation, (entry) => `${entry.kind} ${entry.key}`, draw_entry);
  renew(parts.side, side(), (block) => block.key, draw_block);
  if (first || (atEnd && grew)) parts.talk.scrollTop = parts.talk.scrollHeight;
  if (first) parts.head.querySelector("h1").focus({ preventScroll: true });
}

/** Return what the head shows of the case. */
function about() {
  const { author, network: where, account, priority, owner_name, state, due, missed } = whole;
  return { author, network: where, account, priority, owner_name, state, due, missed };
}

function draw_head(shown) {
  const dues = Object.entries({ ...shown.missed, ...shown.due }).sort(
    ([, one], [, other]) => Date.parse(one) - Date.parse(other),
  );
  return h(
    "div",
    {},
    h("a", { class: "back", href: "#/", "aria-label": "Back to the inbox" }, icon("back")),
    h(
      "div",
      { class: "title" },
      h("h1", { tabindex: "-1" }, name(shown.author.name || shown.author.handle || "somebody")),
      h(
        "p",
        { class: "hush" },
        shown.author.handle && shown.author.name ? [name(shown.author.handle), " · "] : "",
        `${network(shown.network)} · ${shown.account} · priority ${shown.priority} · `,
        shown.owner_name ? `${shown.owner_name} has it` : "nobody has it",
      ),
    ),
    h(
      "div",
      { class: "dues" },
      shown.state === "closed"
        ? h("span", { class: "chip" }, "closed")
        : dues.map(([kind, ends]) => countdown(kind, ends)),
    ),
  );
}

function draw_bar() {
  const may = (action) => whole.actions.includes(action);
  return h(
    "div",
    { class: "row" },
    may("draft") &&
      whole.draft?.state !== "waiting" &&
      button("Answer", { key: "r", icon: "reply", class: "primary to-answer" }, () => act("answer")),
    may("take") && button("Take", { key: "t", icon: "person" }, () => act("take")),
    may("move") && button("Hand over", { key: "h", icon: "hand" }, () => act("hand_over")),
    may("note") && button("Note", { key: "n", icon: "note" }, () => act("note")),
    may("close") && button("Close", { key: "e", icon: "close" }, () => act("close")),
    may("reopen") && button("Reopen", { key: "e", icon: "back" }, () => act("reopen")),
    (may("veto") || may("hold")) &&
      button("More", { key: "m", icon: "more", class: "quiet" }, () => act("more")),
  );
}

function notices() {
  const found = [];
  if (whole.urgent)
    found.push({
      key: "urgent",
      how: "late",
      head: `Urgent: ${words(whole.urgent)}`,
      text: whole.protocol ? `Keep to the protocol: ${whole.protocol}` : whole.reason || "",
      words: whole.protocol ? whole.reason : "",
    });
  else if (whole.protocol)
    found.push({ key: "protocol", how: "late", head: "Protocol", text: whole.protocol });
  if (whole.stance === "must_not")
    found.push({
      key: "stance",
      how: "late",
      head: "Only a lead answers this, and says why",
      text: whole.urgent ? "" : (whole.reason || "").replace(/^\w+/u, words),
    });
  if (whole.veto)
    found.push({ key: "veto", how: "late", head: "Must not be answered for now", text: whole.veto });
  if (whole.hold)
    found.push({ key: "hold", how: "soon", head: "Legal hold", text: `Its words are kept: ${whole.hold}` });
  return found;
}

function draw_notice(notice) {
  return h(
    "div",
    { class: "notice", "data-how": notice.how },
    icon("alert"),
    h(
      "p",
      {},
      h("b", {}, notice.head),
      notice.text && ". ",
      h("bdi", {}, notice.text),
      notice.words && h("bdi", { class: "hush" }, ` ${notice.words}`),
    ),
  );
}

function draw_entry(entry) {
  const lock = entry.private
    ? h("span", { class: "privacy", "data-private": "true" }, icon("lock"), "private")
    : h("span", { class: "privacy", "data-private": "false" }, icon("globe"), "public");
  const text = entry.deleted
    ? h(
        "p",
        { class: "hush" },
        whole.hold ? "Deleted by its author." : "Deleted by its author; its words are gone here too.",
      )
    : said(entry.text);
  if (entry.kind === "note")
    return h(
      "li",
      { class: "entry note" },
      h(
        "p",
        { class: "line meta" },
        h("span", {}, icon("note"), "Note by ", h("b", {}, entry.who)),
        when(entry.at),
      ),
      text,
    );
  if (entry.kind === "reply")
    return h(
      "li",
      { class: "entry ours", "data-private": Boolean(entry.private) },
      h(
        "p",
        { class: "line meta" },
        h("span", {}, h("b", {}, entry.who), entry.handle && [" as ", name(entry.handle)], " · ", lock),
        when(entry.at),
      ),
      text,
      h(
        "p",
        { class: "reply-state", "data-state": entry.state },
        icon({ posted: "check", rejected: "cross", needs_human: "alert" }[entry.state] || "clock"),
        h(
          "span",
          {},
          h("b", {}, STATES[entry.state] || words(entry.state)),
          entry.receipt ? `, ${words(entry.receipt)}` : "",
          entry.reason ? `: ${entry.reason}` : "",
        ),
        leave(entry.permalink, "see it there"),
      ),
      entry.state === "needs_human" &&
        whole.actions.includes("verdict") &&
        h(
          "div",
          { class: "row" },
          button("It is there…", {}, () => verdict(entry, true)),
          button("It is not there: send it again…", {}, () => verdict(entry, false)),
        ),
    );
  return h(
    "li",
    { class: "entry theirs", "data-private": Boolean(entry.private) },
    h(
      "p",
      { class: "line meta" },
      h(
        "span",
        {},
        name(entry.who, { class: "who" }),
        " · ",
        lock,
        entry.edited && " · edited",
        entry.bystander && " · bystander",
        entry.rating > 0 && ` · ${entry.rating} of 5 stars`,
      ),
      when(entry.at),
    ),
    text,
    entry.attachments?.length > 0 &&
      h(
        "p",
        { class: "line meta" },
        h(
          "span",
          {},
          entry.attachments.map((each, index) => [leave(each, `attachment ${index + 1}`), " "]),
        ),
      ),
    h(
      "p",
      { class: "line meta" },
      leave(entry.permalink, `on ${network(whole.network)}`),
      !entry.deleted &&
        whole.actions.includes("draft") &&
        h(
          "button",
          { type: "button", class: "quiet", onclick: () => composer.open(entry.key) },
          "Answer this one",
        ),
    ),
  );
}

function side() {
  const { on_duty: duty, similar, external } = whole;
  return [
    { key: "why", title: "Why it is here", why: whole.why },
    duty && { key: "duty", title: "On duty", duty },
    similar?.count > 0 && { key: "similar", title: `${similar.count} ask the same`, similar: similar.cases },
    external?.id && { key: "external", title: external.system || "Elsewhere", external },
    { key: "trail", title: "Step by step", trail: id },
  ].filter(Boolean);
}

function draw_block(block) {
  const open = block.key === "trail" ? false : !matchMedia("(max-width: 1179px)").matches;
  const body = h("div", { class: "block" });
  if (block.why)
    body.append(
      h(
        "ol",
        { class: "why" },
        block.why.map((sentence) => h("li", { dir: "auto" }, sentence)),
      ),
    );
  if (block.duty)
    body.append(
      h(
        "p",
        {},
        block.duty.members.length
          ? h("b", {}, block.duty.members.map((each) => each.name || each).join(", "))
          : h("b", {}, "Nobody"),
        block.duty.desk ? ` at ${words(block.duty.desk)}` : "",
        block.duty.until ? [" until ", when(block.duty.until)] : "",
      ),
    );
  if (block.similar)
    body.append(
      h(
        "ul",
        {},
        block.similar
          .slice(0, 5)
          .map((each) =>
            h(
              "li",
              {},
              h(
                "a",
                { href: `#/case/${encodeURIComponent(each.case_id || each)}` },
                h("bdi", {}, each.excerpt || `${each.case_id} · ${each.account}`),
              ),
            ),
          ),
      ),
    );
  if (block.external)
    body.append(
      h(
        "p",
        {},
        `${block.external.id}${block.external.state ? `: ${block.external.state}` : ""} `,
        leave(block.external.url),
      ),
    );
  if (block.trail) body.append(h("p", { class: "hush" }, "Read when it is opened."));
  const shown = h("details", { open }, h("summary", {}, block.title), body);
  if (block.trail)
    shown.addEventListener("toggle", () => {
      if (shown.open && trail !== id) show_trail(body);
    });
  return shown;
}

async function show_trail(body) {
  trail = id;
  try {
    const {
      body: { audits },
    } = await read(path("cases", id, "audit"));
    body.replaceChildren(
      h(
        "ol",
        { class: "trail" },
        audits.map((each) =>
          h(
            "li",
            {},
            when(each.at),
            " ",
            h("b", {}, each.who),
            ` ${words(each.what)}`,
            each.because ? `: ${each.because}` : "",
          ),
        ),
      ),
    );
  } catch (problem) {
    trail = null;
    body.replaceChildren(h("p", {}, problem.message));
  }
}

// -- actions; each is one key and one button, and says what became true

const post = (verb, body) => write("POST", path("cases", id, verb), { version: whole.version, ...body });

const ACTIONS = {
  answer: ["draft", () => composer.open()],
  cards: ["draft", () => composer.focus_cards()],
  privacy: ["draft", () => composer.flip()],
  approve: ["approve", () => composer.approve()],
  take: [
    "take",
    async () => {
      await write("POST", path("cases", id, "take"), {});
      toast("You have it now.");
    },
  ],
  hand_over: [
    "move",
    async () => {
      const answer = await ask({
        title: "Hand over to",
        intro: "One tap hands it over; whoever is on duty there has it then.",
        taps: hooks
          .units()
          .filter((unit) => unit.unit !== whole.unit)
          .map((unit) => ({ value: unit.unit, label: unit.title })),
        fields: [{ name: "because", label: "Why (they read this first)", hint: "not needed" }],
      });
      if (!answer) return;
      const { unit: before, case_id: moved } = whole;
      if (composer.words.text) await composer.save();
      const after = await post("move", { unit: answer.tap, because: answer.because });
      const told = `Handed over to ${hooks.units().find((unit) => unit.unit === answer.tap).title}.`;
      const undo = undoing(moved, "move", { unit: before, because: "handed over by mistake" });
      toast(told, after.conversation && undo);
      if (!after.conversation) leave_case(); // it is out of our sight now
    },
  ],
  note: [
    "note",
    async () => {
      const answer = await ask({
        title: "Note",
        intro: "For the desk alone. It never leaves the house.",
        fields: [{ name: "text", label: "Note", required: true, long: true }],
        yes: "Keep note",
      });
      if (answer) {
        await keep(() => post("notes", { text: answer.text, note_id: crypto.randomUUID() }), answer.text);
        toast("Noted.");
      }
    },
  ],
  close: [
    "close",
    async () => {
      if (composer.words.text) await composer.save();
      const answer = await ask({
        title: "Close because it is",
        taps: hooks.causes().map((cause) => ({ value: cause, label: cause })),
        fields: [{ name: "because", label: "In your words", hint: "needed only for “other”" }],
      });
      if (!answer) return;
      const { case_id: closed } = whole;
      await post("close", { cause: answer.tap, because: answer.because });
      toast(`Closed: ${answer.tap}.`, undoing(closed, "reopen", { because: "closed by mistake" }));
    },
  ],
  reopen: ["reopen", () => reason("Reopen this case", "reopen", "Reopened.")],
  more: [
    "note",
    async () => {
      const may = [
        ["veto", whole.veto ? "Let it be answered again" : "Stop answers for now"],
        ["hold", whole.hold ? "End the legal hold" : "Legal hold: keep its words"],
      ].filter(([verb]) => whole.actions.includes(verb));
      const answer = await ask({ title: "More", taps: may.map(([value, label]) => ({ value, label })) });
      if (answer) await ACTIONS[answer.tap][1]();
    },
  ],
  veto: [
    "veto",
    () =>
      whole.veto
        ? post("veto", { because: "" })
        : reason("Stop answers to this case", "veto", "Nobody answers it now."),
  ],
  hold: [
    "hold",
    () =>
      whole.hold
        ? post("hold", { because: "" })
        : reason("Keep its words (legal hold)", "hold", "Its words are kept."),
  ],
};

async function reason(title, verb, done) {
  const answer = await ask({
    title,
    fields: [{ name: "because", label: "Why", required: true }],
    yes: title.split(" ")[0],
  });
  if (answer) {
    await post(verb, { because: answer.because });
    toast(done);
  }
}

const undoing = (about, verb, body) => async () => {
  try {
    await write("POST", path("cases", about, verb), body);
    toast("Undone.");
    await refresh();
  } catch (problem) {
    toast(problem.message);
  }
};

/** Do it again after a failure without asking for the words a second time. */
async function keep(doing, text) {
  try {
    return await doing();
  } catch (problem) {
    const again = await ask({
      title: "The note was not kept",
      intro: problem.message,
      fields: [{ name: "text", label: "Note", long: true, value: text }],
      yes: "Try again",
    });
    if (!again) throw problem;
    return keep(() => post("notes", { text: again.text, note_id: crypto.randomUUID() }), again.text);
  }
}

async function verdict(entry, there) {
  const answer = await ask(
    there
      ? {
          title: "The answer is there",
          intro: "Look at the network first. Then it is on record as posted.",
          fields: [
            { name: "posted", label: "Its address there", type: "url", required: true, hint: "https://…" },
            { name: "because", label: "How you know", required: true },
          ],
          yes: "It is posted",
        }
      : {
          title: "The answer is not there",
          intro: "Look at the network first: if it is there after all, the customer is answered twice.",
          fields: [{ name: "because", label: "How you know", required: true }],
          yes: "Send it again",
        },
  );
  if (!answer) return;
  try {
    await write("POST", path("replies", entry.key, "verdict"), {
      posted: answer.posted || null,
      again: !there,
      because: answer.because,
    });
    toast(there ? "On record as posted." : "It is sent again.");
    await refresh();
  } catch (problem) {
    toast(problem.message);
  }
}

let busy = false;
function leave_case() {
  close();
  hooks.gone();
}

/** Do what a key or a button names, if this member may. */
export async function act(verb) {
  if (!whole || busy) return undefined;
  if (verb === "close" && whole.state === "closed") return act("reopen");
  const [needed, doing] = ACTIONS[verb];
  if (!whole.actions.includes(needed)) return say("That is not possible here now.");
  busy = true;
  try {
    await doing();
    if (!["answer", "cards", "privacy", "approve"].includes(verb)) await refresh();
  } catch (problem) {
    toast(problem.message);
    if ([409, 412].includes(problem.status)) await refresh().catch(() => {});
  } finally {
    busy = false;
  }
  return undefined;
}

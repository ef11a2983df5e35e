// The inbox: what waits, urgent things first, then by due time. Nothing jumps while somebody points at it.

import { read } from "./api.js";
import { at, button, countdown, h, icon, long, name, network, renew, say, words } from "./dom.js";

const STILL = { pointed: 2500, focused: 20_000 }; // ms after the last move or key during which the order stays
const CHOICES = {
  state: [
    ["open", "Open"],
    ["waiting", "Waiting for approval"],
    ["closed", "Closed"],
  ],
  owner: [
    ["", "Anybody"],
    ["me", "Mine"],
  ],
};

const filter = { unit: "", account: "", state: "open", owner: "" };
let rows = [];
let order = []; // case ids as shown
let pages = 1; // how many pages of the list are loaded
let next = "";
let current = "";
let searched = "";
let pointedAt = 0;
let parts = null;
let me = null;

/** Build the inbox into its section. */
export function mount(section) {
  const pick = (key, label, choices) =>
    h(
      "select",
      {
        name: key,
        "aria-label": label,
        onchange: (event) => {
          filter[key] = event.target.value;
          if (key === "unit") fillUnits();
          pages = 1;
          refresh(true);
        },
      },
      choices.map(([value, text]) => h("option", { value }, text)),
    );
  const selects = {
    unit: pick("unit", "Unit", [["", "All units"]]),
    account: pick("account", "Account", [["", "All accounts"]]),
    state: pick("state", "State", CHOICES.state),
    owner: pick("owner", "Owner", CHOICES.owner),
  };
  const search = h("input", {
    type: "search",
    id: "search",
    "aria-label": "Search what is loaded",
    placeholder: "Search",
    autocomplete: "off",
    "aria-keyshortcuts": "/",
    oninput: () => {
      searched = search.value.trim().toLowerCase();
      draw();
    },
    onkeydown: (event) => {
      if (event.key === "Escape") {
        search.value = searched = "";
        draw();
        search.blur();
        event.stopPropagation();
      }
      if (event.key === "Enter") focus();
    },
  });
  parts = {
    selects,
    search,
    list: h("ul", { class: "rows" }),
    fresh: button("", { class: "fresh", hidden: true }, () => {
      pointedAt = 0;
      settle();
      draw();
      focus();
    }),
    sum: h("p", { class: "sum hush" }),
    more: button("Load more", { class: "quiet", hidden: true }, () => {
      pages += 1;
      refresh(true);
    }),
  };
  section.replaceChildren(
    h("h1", { class: "unseen" }, "Inbox"),
    h(
      "div",
      { class: "filters" },
      h("div", { class: "search" }, icon("search"), search, h("kbd", { "aria-hidden": "true" }, "/")),
      h(
        "details",
        { class: "filter", open: innerWidth > 800 },
        h("summary", {}, "Filter"),
        h("div", { class: "selects" }, Object.values(selects)),
      ),
    ),
    parts.fresh,
    parts.list,
    parts.sum,
    parts.more,
  );
  for (const sign of ["pointermove", "focusin"])
    parts.list.addEventListener(sign, () => {
      pointedAt = Date.now();
    });
  parts.list.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-key]");
    if (row) choose(row.dataset.key);
  });
}

/** Fill the filters with the units that this member sees. */
export function units(known) {
  me = known;
  fillUnits();
}

function fillUnits() {
  const option = ([value, text]) => h("option", { value }, text);
  const { unit, account } = parts.selects;
  unit.replaceChildren(
    ...[["", "All units"], ...me.units.map((each) => [each.unit, each.title])].map(option),
  );
  unit.value = filter.unit;
  const accounts = me.units
    .filter((each) => !filter.unit || each.unit === filter.unit)
    .flatMap((each) => each.accounts.map((told) => told.account || told));
  if (!accounts.includes(filter.account)) filter.account = "";
  account.replaceChildren(...[["", "All accounts"], ...accounts.map((each) => [each, each])].map(option));
  account.value = filter.account;
}

/** Ask again; unchanged pages cost a 304 each. Rejects with the API's problem. */
export async function refresh(asked = false) {
  const chosen = { ...filter, owner: filter.owner === "me" ? me?.member || "" : filter.owner };
  const found = [];
  let cursor = "";
  let changed = asked || !rows.length;
  const told = JSON.stringify(filter) + pages;
  for (let page = 0; page < pages; page += 1) {
    const query = new URLSearchParams(
      Object.entries({ ...chosen, cursor, limit: 50 }).filter(([, value]) => value),
    );
    const answer = await read(`cases?${query}`);
    changed ||= answer.changed;
    found.push(...answer.body.cases);
    cursor = answer.body.next || "";
    if (!cursor) break;
  }
  if (told !== JSON.stringify(filter) + pages) return; // the filter changed while we asked
  next = cursor;
  if (!changed) {
    if (order.length < rows.length && !busy()) {
      settle();
      draw();
    }
    return;
  }
  const before = new Map(rows.map((row) => [row.case_id, row]));
  const first = !rows.length;
  rows = [...new Map(found.map((row) => [row.case_id, row])).values()];
  const fresh = rows.filter((row) => !before.has(row.case_id));
  if (asked || first || !busy()) settle();
  draw();
  if (!first && !asked && fresh.length) announce(fresh);
}

function announce(fresh) {
  const urgent = fresh.find((row) => row.urgent);
  say(`${fresh.length} new in the inbox${urgent ? `, urgent: ${words(urgent.urgent)}` : ""}`);
}

const busy = () =>
  Date.now() - pointedAt < (parts.list.contains(document.activeElement) ? STILL.focused : STILL.pointed);

/** Order: urgent first, then what is due, then the oldest. */
function settle() {
  const due = (row) => Date.parse(row.next_due_at || "") || Infinity;
  const by = (one, other) =>
    Boolean(other.urgent) - Boolean(one.urgent) ||
    due(one) - due(other) ||
    Date.parse(one.opened_at) - Date.parse(other.opened_at);
  order = [...rows].sort(by).map((row) => row.case_id);
}

const told = (row) =>
  [
    row.author.name,
    row.author.handle,
    row.excerpt,
    row.unit,
    row.account,
    row.network,
    row.reason,
    row.urgent,
    row.owner_name,
    row.case_id,
  ]
    .join("\n")
    .toLowerCase();

function draw() {
  const known = new Map(rows.map((row) => [row.case_id, row]));
  order = order.filter((id) => known.has(id));
  const waiting = rows.filter((row) => !order.includes(row.case_id)).length;
  const shown = order.map((id) => known.get(id)).filter((row) => !searched || told(row).includes(searched));
  if (!shown.some((row) => row.case_id === current)) current = shown[0]?.case_id || "";
  renew(parts.list, shown, (row) => row.case_id, draw_row);
  mark();
  parts.fresh.hidden = !waiting;
  parts.fresh.firstElementChild.textContent = `${waiting} new: show`;
  parts.sum.textContent = shown.length
    ? `${shown.length}${shown.length < rows.length ? ` of ${rows.length} loaded` : ""}${next ? ", and more" : ""}`
    : searched
      ? "Nothing loaded has these words."
      : "Nothing waits here.";
  parts.more.hidden = !next;
}

function draw_row(row) {
  const [kind, ends] =
    Object.entries(row.due || {}).sort(([, one], [, other]) => Date.parse(one) - Date.parse(other))[0] || [];
  const missed = Object.entries(row.missed || {})[0];
  const chips = [
    row.draft &&
      h(
        "span",
        { class: row.draft.state === "waiting" ? "chip waiting" : "chip" },
        row.draft.state === "waiting"
          ? "waits for approval"
          : row.draft.by === me?.member
            ? "your draft"
            : `${row.draft.by_name || row.draft.by} is writing`,
      ),
    row.veto && h("span", { class: "chip stop" }, "do not answer"),
    row.hold && h("span", { class: "chip" }, "legal hold"),
    row.replies > 0 && h("span", { class: "chip" }, icon("reply"), `${row.replies}`),
    row.alike > 1 && h("span", { class: "chip" }, `${row.alike} alike`),
    row.external?.id && h("span", { class: "chip" }, `${row.external.system} ${row.external.id}`),
  ];
  return h(
    "li",
    { class: "row-item", "data-urgent": row.urgent ? "" : null },
    h(
      "a",
      { href: `#/case/${encodeURIComponent(row.case_id)}`, tabindex: "-1" },
      row.urgent &&
        h(
          "span",
          { class: "urgent-words" },
          icon("alert"),
          h("b", {}, `Urgent: ${words(row.urgent)}`),
          row.reason && h("bdi", {}, row.reason),
        ),
      h(
        "span",
        { class: "line" },
        name(row.author.name || row.author.handle || "somebody", { class: "who" }),
        missed
          ? countdown(missed[0], missed[1])
          : kind
            ? countdown(kind, ends)
            : h("span", { class: "hush" }, row.state === "closed" ? "closed" : "nothing due"),
      ),
      h("span", { class: "excerpt", dir: "auto" }, row.excerpt || "(its words were deleted)"),
      h(
        "span",
        { class: "line meta" },
        h(
          "span",
          { class: "hush" },
          `${network(row.network)} · ${row.account} · `,
          h("span", { "data-age": row.opened_at }, long(at() - Date.parse(row.opened_at))),
        ),
        h(
          "span",
          { class: "chips" },
          chips,
          row.owner_name
            ? h("span", { class: "chip owner" }, icon("person"), row.owner_name)
            : h("span", { class: "chip" }, "nobody’s"),
        ),
      ),
    ),
  );
}

setInterval(
  () =>
    document.querySelectorAll("[data-age]").forEach((age) => {
      age.textContent = long(at() - Date.parse(age.dataset.age));
    }),
  15_000,
);

let open = "";
/** Mark the case that is open beside the list. */
export function opened(id) {
  open = id;
  if (id) current = id;
  if (parts) mark();
}

function mark() {
  for (const row of parts.list.children) {
    const link = row.firstElementChild;
    link.tabIndex = row.dataset.key === current ? 0 : -1;
    row.classList.toggle("current", row.dataset.key === current);
    if (row.dataset.key === open) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function choose(id) {
  current = id;
  mark();
}

/** Move to a neighbour, or put the focus on the current row. */
export function move(by) {
  const all = [...parts.list.children];
  const here = all.findIndex((row) => row.dataset.key === current);
  const there = document.activeElement?.closest(".rows") || by === 0 ? here + by : here;
  const row = all[Math.min(all.length - 1, Math.max(0, there))];
  if (!row) return;
  choose(row.dataset.key);
  row.firstElementChild.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}
export const focus = () => move(0);
export const search = () => parts.search.focus();
/** Return the row of a case, to show something before the whole of it is here. */
export const row_of = (id) => rows.find((row) => row.case_id === id);

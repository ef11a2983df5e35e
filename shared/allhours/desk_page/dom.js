// Elements, words and times. What somebody said reaches the page as text nodes alone, through here.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  alert: "M12 3 2.5 20h19L12 3zM12 10v4.5M12 17.4v.1",
  back: "M15 5l-7 7 7 7",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15L6 16zM10 20.5a2.2 2.2 0 0 0 4 0",
  check: "M5 12.5l4.5 4.5L19 7",
  clock: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 7.5V12l3 2",
  close: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM8.5 12.2l2.4 2.4 4.6-5",
  cross: "M6 6l12 12M18 6L6 18",
  feather: "M19.5 4.5c-5-.5-11 2.5-11.5 9V18M8 13.5h6M11 9.5h6M19.5 4.5c.5 6-2.5 10-8.5 10.5",
  globe:
    "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM3.5 12h17M12 3.5c-5 5-5 12 0 17M12 3.5c5 5 5 12 0 17",
  hand: "M4 12h14M13 6.5l5.5 5.5-5.5 5.5",
  help: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM9.700 9.5a2.400 2.400 0 1 1 3.5 2.200c-.8.4-1.200.9-1.200 1.800M12 16.600v.1",
  inbox: "M4 13.5l2.5-8h11l2.5 8V19H4v-5.5zM4 13.5h4.5l1.5 2.5h4l1.5-2.5H20",
  leave: "M9 6H5.5v12.5H18V15M12.5 5H19v6.5M19 5l-8.5 8.5",
  lock: "M6 11h12v9H6v-9zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  more: "M6 12v.1M12 12v.1M18 12v.1",
  note: "M5 4.5h14v10l-5 5H5v-15zM14 19.5v-5h5M8.5 9h7M8.5 12.5h4",
  out: "M14 5H5.5v14H14M10 12h10M16.5 8l4 4-4 4",
  person: "M12 4.5a3.700 3.700 0 1 0 0 7.400 3.700 3.700 0 0 0 0-7.400zM5 20c.5-4 3-6 7-6s6.5 2 7 6",
  reply: "M10 6.5L4.5 12l5.5 5.5M4.5 12H14c3.5 0 5.5 2 5.5 6",
  search: "M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5",
  send: "M4 12l16-7.5-5 16-3.5-6.5L4 12zM11.5 14L20 4.5",
  theme: "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 3.5v17M12 7l6 1.5M12 11h8.300M12 15l7-.5",
};

/** Make an icon; it is decoration, the words beside it say what it means. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open", "readOnly"]);

/** Make an element. Children are elements or text; a link leads to our own views or to http(s), nowhere else. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else if (name === "href" && !(String(value).startsWith("#") || outside(value))) continue;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children
      .flat(Infinity)
      .filter((child) => child !== null && child !== undefined && child !== false && child !== ""),
  );
  return element;
}

/** Make a button with an icon, words and the key that does the same. */
export function button(words, { key, icon: picture, ...attributes }, onclick) {
  const shortcut = key && h("kbd", { "aria-hidden": "true" }, key);
  const spoken = key ? { "aria-keyshortcuts": key.replace("Ctrl+", "Control+") } : {};
  return h(
    "button",
    { type: "button", ...spoken, ...attributes, onclick },
    picture && icon(picture),
    h("span", {}, words),
    shortcut,
  );
}

/** Return the address if it leads out over http(s), else null. */
export function outside(address) {
  try {
    const url = new URL(address);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** Show a name or handle from outside; its direction touches nothing around it. */
export const name = (text, attributes = {}) => h("bdi", attributes, text);

/** Link out, saying so. */
export function leave(address, words = "open") {
  const url = outside(address);
  if (!url) return null;
  return h(
    "a",
    { class: "leave", href: url.href, target: "_blank", rel: "noopener noreferrer", title: url.href },
    words,
    icon("leave"),
    h("span", { class: "unseen" }, ` ${url.host}, leaves the desk`),
  );
}

const MOST = 2500; // characters of one post that are shown at once
const ADDRESS = /https?:\/\/[^\s<>"]+/giu;

/** Show what somebody said, as text; an address in it stays text, with an `open` beside it. */
export function said(text, attributes = {}) {
  const whole = h("p", { dir: "auto", ...attributes, class: `said ${attributes.class || ""}` });
  fill(whole, text.slice(0, MOST));
  if (text.length > MOST) {
    const rest = button(`Show all ${text.length} characters`, { class: "quiet" }, () => {
      whole.replaceChildren();
      fill(whole, text);
    });
    whole.append(" … ", rest);
  }
  return whole;
}

function fill(whole, text) {
  let from = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const address = found[0].replace(/[).,;:!?'…\]]+$/u, "");
    const url = outside(address);
    if (!url) continue;
    whole.append(
      text.slice(from, found.index),
      h("bdi", { class: "address" }, address),
      " ",
      leave(address, `open ${url.host}`),
    );
    from = found.index + address.length;
  }
  whole.append(text.slice(from));
}

/** Make the children of `host` those of `things`, touching only what changed; focus stays where it was. */
export function renew(host, things, keyOf, render) {
  const focused = host.contains(document.activeElement) && document.activeElement;
  const before = new Map([...host.children].map((child) => [child.dataset.key, child]));
  const after = things.map((thing) => {
    const key = String(keyOf(thing));
    const print = JSON.stringify(thing);
    const old = before.get(key);
    if (old && old.print === print) return old;
    const made = render(thing);
    made.dataset.key = key;
    made.print = print;
    if (old) keepFocus(old, made);
    return made;
  });
  after.forEach((child, index) => {
    if (host.children[index] !== child) host.insertBefore(child, host.children[index] || null);
  });
  while (host.children.length > after.length) host.lastElementChild.remove();
  if (focused && focused.isConnected && focused !== document.activeElement)
    focused.focus({ preventScroll: true });
}

function keepFocus(old, made) {
  if (!old.contains(document.activeElement)) return;
  const all = (root) => [root, ...root.querySelectorAll("a,button,summary,input")];
  const index = all(old).indexOf(document.activeElement);
  queueMicrotask(() => all(made)[index]?.focus({ preventScroll: true }));
}

let skew = 0;
/** Learn the server's clock, so that a phone's wrong one does not make countdowns lie. */
export function setClock(header) {
  const told = Date.parse(header || "");
  if (Math.abs(told - Date.now() - skew) > 2000) skew = told - Date.now();
}
export const at = () => Date.now() + skew;

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

/** Show an instant on the reader's clock, with the day unless it is today. */
export function when(instant) {
  if (!instant) return "";
  const then = new Date(instant);
  const today = DAY.format(then) === DAY.format(new Date(at()));
  return h(
    "time",
    { datetime: instant, title: `${then.toISOString().slice(0, 16).replace("T", " ")} UTC` },
    today ? CLOCK.format(then) : `${DAY.format(then)}, ${CLOCK.format(then)}`,
  );
}

/** Say a length of time: 45 s, 12 min, 3 h 05 min, 2 d 4 h. */
export function long(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (seconds < 120) return `${seconds} s`;
  if (hours < 1) return `${minutes} min`;
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const NAMED = {
  appstore: "App Store",
  googlebusiness: "Google Business",
  googleplay: "Google Play",
  linkedin: "LinkedIn",
  tiktok: "TikTok",
  whatsapp: "WhatsApp",
  youtube: "YouTube",
};
export const network = (told) => NAMED[told] || told.charAt(0).toUpperCase() + told.slice(1);
export const words = (told) => String(told || "").replaceAll("_", " ");

/** Say what a promise or a network's window has left, or by how much it was missed. */
function ends(kind, left) {
  const span = long(Math.abs(left));
  if (kind.startsWith("window"))
    return left < 0 ? `${kind.slice(7)} window closed` : `${kind.slice(7)} window: ${span}`;
  const promise = { first_answer: "answer", resolution: "solution" }[kind] || words(kind);
  return left < 0 ? `${promise} ${span} late` : `${promise} in ${span}`;
}

/** Show a countdown that goes on by itself: colour, sign and words say the same. */
export function countdown(kind, instant) {
  const shown = h("span", { class: "due", "data-due": instant, "data-kind": kind });
  tick(shown);
  return shown;
}

function tick(shown) {
  const left = Date.parse(shown.dataset.due) - at();
  const [how, sign] =
    left < 0 ? ["late", "alert"] : left < 15 * 60_000 ? ["soon", "clock"] : ["fine", "clock"];
  const told = ends(shown.dataset.kind, left);
  if (shown.dataset.told === told) return;
  if (shown.dataset.how !== how) {
    shown.dataset.how = how;
    shown.replaceChildren(icon(sign), h("span", {}));
  }
  shown.dataset.told = told;
  shown.lastChild.textContent = told;
}

setInterval(() => {
  if (!document.hidden) document.querySelectorAll(".due").forEach(tick);
}, 1000);

/** Say something to screen readers, politely or at once. */
export function say(text, at_once = false) {
  const region = document.getElementById(at_once ? "alert" : "status");
  region.textContent = region.textContent === text ? `${text} ` : text;
}

/** Say something to everybody, for some seconds, with a way back where there is one. */
export function toast(text, undo) {
  const shown = h("div", { class: "toast" }, h("span", {}, text));
  if (undo)
    shown.append(
      button("Undo", { class: "quiet", key: "z", "data-undo": "" }, () => {
        shown.remove();
        undo();
      }),
    );
  shown.append(
    h(
      "button",
      { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: () => shown.remove() },
      icon("cross"),
    ),
  );
  const host = document.getElementById("toasts");
  while (host.children.length > 2) host.firstElementChild.remove();
  host.append(shown);
  say(text);
  setTimeout(() => shown.remove(), undo ? 12_000 : 6000);
}

/** Ask something in a dialog. `taps` are answers of one tap or digit; resolves to the fields, or null. */
export function ask({ title, intro, fields = [], taps = [], yes = "OK" }) {
  return new Promise((resolve) => {
    const made = fields.map((field) => {
      const id = `ask-${field.name}`;
      const input = h(field.long ? "textarea" : "input", {
        id,
        name: field.name,
        rows: 4,
        dir: "auto",
        required: field.required,
        placeholder: field.hint,
        autocomplete: "off",
        type: field.long ? null : field.type || "text",
        value: field.value || "",
      });
      return [h("label", { for: id }, field.label), input];
    });
    const read = (tap) =>
      Object.fromEntries([...new FormData(form), ...(tap === undefined ? [] : [["tap", tap]])]);
    const finish = (answer) => {
      dialog.close();
      dialog.remove();
      before?.focus?.({ preventScroll: true });
      resolve(answer);
    };
    const choices = taps.map((tap, index) =>
      button(tap.label, { class: "tap", key: index < 9 ? String(index + 1) : null }, () => {
        if (form.reportValidity()) finish(read(tap.value));
      }),
    );
    const form = h(
      "form",
      {
        method: "dialog",
        onsubmit: (event) => {
          event.preventDefault();
          if (!taps.length) finish(read());
        },
      },
      h("h2", { id: "ask-title" }, title),
      intro && h("p", { class: "hush" }, intro),
      made,
      h("div", { class: "taps" }, choices),
      h(
        "div",
        { class: "row end" },
        button("Cancel", { class: "quiet", key: "Esc" }, () => finish(null)),
        !taps.length && h("button", { class: "primary" }, yes),
      ),
    );
    const before = document.activeElement;
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": "ask-title",
        oncancel: (event) => {
          event.preventDefault();
          finish(null);
        },
      },
      form,
    );
    dialog.addEventListener("keydown", (event) => {
      const typing = event.target.matches("textarea,input");
      event.stopPropagation(); // what answers the dialog is no key of the page behind it
      if (!typing && /^[1-9]$/.test(event.key)) {
        event.preventDefault();
        choices[event.key - 1]?.click();
      }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    document.body.append(dialog);
    dialog.showModal();
    (
      dialog.querySelector(".tap") ||
      dialog.querySelector("input,textarea") ||
      dialog.querySelector("button")
    ).focus();
  });
}

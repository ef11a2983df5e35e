// The two other lists: pages, which call a person, and the light lane, where what asks nothing of us passes.

import { path, read, write } from "./api.js";
import { ask, button, h, icon, name, network, renew, said, toast, when, words } from "./dom.js";

/** One list of things with its own drawing; `refresh` reads it again and then calls `told`. */
class List {
  constructor(kind, title, empty) {
    Object.assign(this, {
      kind,
      things: [],
      sum: h("p", { class: "sum hush" }),
      rows: h("ul", { class: "cards-list" }),
      title,
      empty,
    });
  }

  mount(section) {
    section.replaceChildren(
      h(
        "div",
        { class: "list-page" },
        h("h1", { tabindex: "-1" }, this.title),
        h("p", { class: "hush" }, this.intro),
        this.rows,
        this.sum,
      ),
    );
    section.querySelector("h1").focus({ preventScroll: true });
  }

  async refresh() {
    const answer = await read(this.kind);
    this.things = answer.body[this.kind];
    renew(this.rows, this.things, this.key, (thing) => this.draw(thing));
    this.sum.textContent = this.things.length ? "" : this.empty;
    this.told?.();
  }

  move(by) {
    const all = [...this.rows.querySelectorAll("button.primary, li button, li a")].filter(
      (each, index, found) =>
        found.findIndex((other) => other.closest("li") === each.closest("li")) === index,
    );
    const here = all.findIndex((each) => each.closest("li").contains(document.activeElement));
    all[Math.min(all.length - 1, Math.max(0, here + by))]?.focus();
  }

  async act(doing, done, undo) {
    try {
      await doing();
      toast(done, undo);
      await this.refresh();
    } catch (problem) {
      toast(problem.message);
    }
  }
}

class Pages extends List {
  intro = "A page climbs its ladder until somebody has it.";
  key = (page) => page.page_id;
  open = (page) => page.state === "open" || page.state === "exhausted";
  get waiting() {
    return this.things.filter((page) => this.open(page) && page.asks !== false).length;
  }

  draw(page) {
    const mine = !this.open(page);
    return h(
      "li",
      { class: "card-item", "data-severity": page.severity, "data-state": page.state },
      h(
        "p",
        { class: "line" },
        h(
          "span",
          { class: "severity" },
          icon(page.severity === "critical" ? "alert" : "bell"),
          `${words(page.severity)}: ${words(page.why)}`,
        ),
        when(page.at),
      ),
      h("h2", { dir: "auto" }, page.subject),
      said(page.story, { class: "story" }),
      h(
        "p",
        { class: "hush" },
        mine
          ? `${page.by_name || page.by} has it`
          : page.state === "exhausted"
            ? "It came to the end of its ladder: nobody has it"
            : [
                `Called: ${page.member_name || page.member}`,
                page.next_at ? [" · climbs at ", when(page.next_at)] : "",
              ],
      ),
      h(
        "div",
        { class: "row" },
        mine
          ? button("Hand back", { class: "quiet" }, () =>
              this.act(
                () => write("POST", path("pages", page.page_id, "release"), {}),
                "Handed back: it climbs anew.",
              ),
            )
          : page.asks !== false &&
              button("I have it", { class: "primary", icon: "check" }, () =>
                this.act(
                  () => write("POST", path("pages", page.page_id, "ack"), {}),
                  "You have it. It climbs no further.",
                  () =>
                    this.act(
                      () => write("POST", path("pages", page.page_id, "release"), {}),
                      "Handed back: it climbs anew.",
                    ),
                ),
              ),
        page.case_id &&
          h("a", { class: "button", href: `#/case/${encodeURIComponent(page.case_id)}` }, "Open the case"),
      ),
    );
  }
}

class Light extends List {
  intro = "Thanks, jokes and passing mentions. What should have been a case becomes one.";
  key = (item) => item.item_key;

  draw(item) {
    return h(
      "li",
      { class: "card-item" },
      h(
        "p",
        { class: "line" },
        h(
          "span",
          {},
          name(item.author.name || item.author.handle, { class: "who" }),
          h("span", { class: "hush" }, ` · ${network(item.network)} · ${item.account}`),
        ),
        when(item.at),
      ),
      said(item.text),
      item.reason && h("p", { class: "hush", dir: "auto" }, item.reason),
      h(
        "div",
        { class: "row" },
        button("Make it a case", { icon: "inbox" }, async () => {
          const answer = await ask({
            title: "Make it a case",
            fields: [{ name: "because", label: "Why", hint: "teaches the triage", required: true }],
            yes: "Make it a case",
          });
          if (answer)
            await this.act(
              () => write("POST", path("items", item.item_key, "promote"), { because: answer.because }),
              "It is a case now.",
            );
        }),
      ),
    );
  }
}

export const pages = new Pages("pages", "Pages", "Nobody is called.");
export const light = new Light("light", "Light lane", "Nothing passes here now.");

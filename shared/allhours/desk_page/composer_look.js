// How the composer looks: it is drawn from what the composer knows, and only what changed is drawn anew.

import { at, button, h, icon, long, name, renew, said, say, when } from "./dom.js";

/** The drawing half of a composer; composer.js has what it knows and does. */
export class Look {
  build() {
    this.parts = {
      area: h("textarea", {
        id: "words",
        rows: 3,
        dir: "auto",
        spellcheck: "true",
        "aria-describedby": "way-words lengths trouble",
        oninput: () => this.on_input(),
        onkeydown: (event) => this.on_keydown(event),
      }),
      to: h("div", { class: "to hush" }),
      voice: h("p", { class: "voice hush" }),
      ways: h("details", { class: "ways" }),
      cards: h("ol", { class: "cards", "aria-label": "Answer cards" }),
      findings: h("ul", { class: "findings", "aria-label": "What the check found" }),
      lengths: h("p", { id: "lengths", class: "lengths hush" }),
      preview: h("div", { class: "preview" }),
      trouble: h("div", { id: "trouble", role: "alert" }),
      foot: h("div", { class: "row foot" }),
      panel: h("div", { class: "panel" }),
    };
    const { area, ...rest } = this.parts;
    this.form = h(
      "form",
      {
        class: "composer",
        "aria-label": "Answer",
        onsubmit: (event) => {
          event.preventDefault();
          this.send();
        },
      },
      rest.to,
      rest.ways,
      rest.voice,
      h("label", { for: "words", class: "unseen" }, "Your answer"),
      area,
      rest.lengths,
      rest.findings,
      rest.preview,
      rest.cards,
      rest.trouble,
      rest.foot,
    );
    this.host.replaceChildren(rest.panel, this.form);
  }

  render() {
    const { parts, whole } = this;
    const open = this.expanded && !this.waiting && !this.held;
    this.form.hidden = !open;
    this.host.dataset.open = open ? "" : "no";
    this.render_panel(open);
    if (!open) return;
    this.form.dataset.private = this.words.private;
    const target = whole.conversation.find((entry) => entry.key === this.words.item_key);
    this.show("to", [target?.key, target?.text, target?.who], () => [
      icon("reply"),
      "Answering ",
      name(target?.who || "", {}),
      target && h("span", { class: "quoted", dir: "auto" }, target.text.slice(0, 90)),
    ]);
    this.show("voice", whole.voice, () => [
      whole.voice.tone && h("span", {}, h("b", {}, "Voice "), whole.voice.tone),
      whole.voice.promise && h("span", {}, h("b", {}, "Promise "), whole.voice.promise),
    ]);
    this.render_ways();
    this.render_check();
    renew(
      parts.cards,
      whole.cards.map((card, index) => ({ ...card, index })),
      (card) => card.card_id,
      (card) => this.draw_card(card),
    );
    parts.cards.hidden = !whole.cards.length;
    this.show("trouble", this.trouble, () => this.draw_trouble());
    const checked = this.fresh_check;
    const blocked = checked && !checked.may_send;
    const label = blocked
      ? "Cannot go out"
      : checked?.needs_approval
        ? "Ask for approval"
        : this.words.private
          ? "Send privately"
          : "Send publicly";
    const saving =
      this.unsaved ||
      (this.saving ? "Saving…" : this.dirty ? "Not saved yet" : this.version !== null ? "Saved" : "");
    this.show(
      "foot",
      [label, saving, this.working, checked?.needs_approval, !this.words.text.trim(), this.words.private],
      () => [
        h("span", { class: "hush save-state" }, saving),
        button("Discard", { class: "quiet" }, () => this.discard()),
        h(
          "button",
          {
            class: "primary send",
            "data-private": this.words.private,
            "data-blocked": blocked,
            "aria-keyshortcuts": "Control+Enter",
            disabled: Boolean(this.working) || !this.words.text.trim(),
          },
          icon(blocked ? "alert" : this.words.private ? "lock" : "send"),
          h("span", {}, this.working || label),
          h("kbd", { "aria-hidden": "true" }, "Ctrl ↵"),
        ),
        checked?.needs_approval && h("span", { class: "hush why-approval" }, checked.needs_approval),
      ],
    );
  }

  /** Rebuild a part only when what it shows changed, so that focus and reading stay where they are. */
  show(part, value, draw) {
    const host = this.parts[part];
    const print = JSON.stringify(value) ?? "";
    if (host.print === print) return;
    host.print = print;
    const focused = host.contains(document.activeElement)
      ? [...host.querySelectorAll("button,summary,input")].indexOf(document.activeElement)
      : -1;
    host.replaceChildren(...[draw()].flat(Infinity).filter(Boolean));
    if (focused >= 0) host.querySelectorAll("button,summary,input")[focused]?.focus();
  }

  render_panel(open) {
    const { draft } = this;
    const state = open ? "open" : this.waiting ? "waiting" : this.held ? "held" : "closed";
    const live = this.held && Date.parse(draft.lease_until) > at();
    this.show(
      "panel",
      [
        state,
        live,
        draft,
        this.whole.actions,
        this.whole.changed,
        this.working,
        this.trouble,
        this.approve_seen,
        this.words.text,
      ],
      () => {
        if (state === "open")
          return draft?.state === "returned" && draft.comment
            ? h("p", { class: "note-box" }, h("b", {}, "Given back: "), draft.comment)
            : null;
        const kept =
          this.words.text && this.dirty && !this.mine
            ? h("div", { class: "note-box" }, h("b", {}, "What you had typed"), said(this.words.text))
            : null;
        if (state === "held")
          return [
            h(
              "p",
              { class: "who-writes" },
              icon("person"),
              h(
                "span",
                {},
                h("b", {}, draft.by_name || draft.by),
                live ? " has been writing since " : " began to write at ",
                when(draft.since),
                live ? "" : " and stopped",
              ),
            ),
            draft.text && said(draft.text, { class: "draft-text" }),
            kept,
            this.may("draft") &&
              h(
                "div",
                { class: "row" },
                button(live ? "Take over…" : "Go on with it", {}, () => this.take_over(!live)),
              ),
            this.draw_trouble(),
          ];
        if (state === "waiting") return this.draw_waiting();
        if (!this.may("draft"))
          return this.whole.veto
            ? h("p", { class: "hush" }, "This case must not be answered for now.")
            : null;
        return button(
          this.words.text ? "Go on with your answer" : "Answer",
          { class: "primary wide", key: "r", icon: "reply" },
          () => this.open(),
        );
      },
    );
  }

  draw_waiting() {
    const { draft } = this;
    const changed = this.approve_seen === this.whole.seen ? [] : this.whole.changed || [];
    return [
      changed.length > 0 &&
        !this.trouble &&
        h(
          "div",
          { class: "note-box" },
          h("b", {}, "Since it was written"),
          h(
            "ul",
            {},
            changed.map((each) => h("li", { dir: "auto" }, each)),
          ),
        ),
      h(
        "p",
        { class: "who-writes" },
        icon("clock"),
        h(
          "span",
          {},
          h("b", {}, this.mine ? "Your answer" : `${draft.by_name || draft.by}’s answer`),
          " waits for a second person",
          draft.because ? `: ${draft.because}` : "",
        ),
      ),
      h(
        "div",
        { class: "draft-box", "data-private": draft.private },
        h(
          "p",
          { class: "as" },
          icon(draft.private ? "lock" : "globe"),
          draft.private ? "Private, as " : "Public, as ",
          name(draft.handle),
        ),
        said(draft.signed || draft.text),
      ),
      h(
        "div",
        { class: "row" },
        this.may("approve") &&
          button(
            this.working || "Approve and send",
            { class: "primary", key: "a", icon: "check", disabled: Boolean(this.working) },
            () => this.approve(),
          ),
        this.may("return") && button("Give back…", {}, () => this.give_back()),
        this.may("draft") &&
          button(this.mine ? "Change it" : "Change it yourself…", { class: "quiet" }, () =>
            this.mine ? this.rewrite() : this.take_over(false),
          ),
      ),
      this.draw_trouble(),
    ];
  }

  rewrite() {
    this.adopt(this.draft);
    this.whole = { ...this.whole, draft: { ...this.draft, state: "writing" } };
    this.open();
    this.check_soon();
  }

  draw_trouble() {
    const { trouble } = this;
    if (!trouble) return null;
    const seen = () => {
      this.know();
      this.approve_seen = this.whole.seen;
      this.trouble = null;
      this.render();
      say("Seen.");
      if (this.expanded) this.parts.area.focus();
    };
    return h(
      "div",
      { class: "trouble" },
      icon("alert"),
      h(
        "div",
        {},
        h("p", {}, trouble.text),
        trouble.changed?.length > 0 &&
          h(
            "ul",
            {},
            trouble.changed.map((each) => h("li", { dir: "auto" }, each)),
          ),
        trouble.theirs && [h("p", { class: "hush" }, "In the other window:"), said(trouble.theirs)],
        h(
          "div",
          { class: "row" },
          trouble.changed && button("I have seen it", {}, seen),
          trouble.second && button("Send a second answer to this post", {}, () =>
              this.waiting ? this.approve(true) : this.send(true),
            ),
        ),
      ),
    );
  }

  render_ways() {
    const { way } = this;
    this.show("ways", [this.whole.ways, this.words.private, this.words.account, this.words.handle], () => [
      h(
        "summary",
        {},
        icon(this.words.private ? "lock" : "globe"),
        h(
          "span",
          { id: "way-words" },
          h("b", {}, this.words.private ? "Private" : "Public"),
          this.words.private ? " · only they can read it" : " · everybody can read it",
          way ? [" · as ", name(way.handle)] : " · choose who answers",
          way?.until ? [" · until ", when(way.until)] : "",
        ),
        h("kbd", { "aria-hidden": "true" }, "p"),
      ),
      h(
        "fieldset",
        {},
        h("legend", { class: "unseen" }, "Who answers, and who can read it"),
        this.whole.ways.map((each, index) =>
          h(
            "label",
            { class: "way", "data-private": each.private, "data-allowed": each.allowed },
            h("input", {
              type: "radio",
              name: "way",
              value: index,
              checked: each === way,
              disabled: !each.allowed,
              onchange: () => this.choose(each),
            }),
            icon(each.private ? "lock" : "globe"),
            h(
              "span",
              {},
              h("b", {}, each.private ? "Private" : "Public"),
              " as ",
              name(each.handle),
              ` (${each.account})`,
              each.signature && ` · signed ${each.signature}`,
              h("span", { class: "reason hush" }, each.allowed ? "" : "Not allowed: ", each.reason),
            ),
          ),
        ),
      ),
    ]);
  }

  render_check() {
    const checked = this.fresh_check;
    const last = this.checked?.answer;
    const typed = this.words.text.trim();
    const count = [...new Intl.Segmenter().segment(typed)].length;
    const limit = last?.lengths?.[0];
    this.show("lengths", [count, checked?.lengths, checked?.cost, limit?.allowed, typed && !checked], () => [
      checked
        ? checked.lengths.map((length) =>
            h(
              "span",
              { class: length.fits ? "fits" : "over" },
              length.fits ? null : icon("alert"),
              `${length.used} of ${length.allowed} ${length.unit}${length.fits ? "" : `: ${Math.max(0, length.used - length.allowed)} too many`}`,
            ),
          )
        : typed
          ? h("span", {}, `${count}${limit ? ` of ${limit.allowed}` : ""} characters, checking…`)
          : h("span", {}, "Nothing written yet"),
      checked?.cost &&
        (checked.cost.usd > 0 || checked.cost.units > 0) &&
        h(
          "span",
          {},
          checked.cost.usd > 0
            ? `costs $${checked.cost.usd.toFixed(3)}`
            : `costs ${checked.cost.units} quota units`,
          checked.cost.why ? `: ${checked.cost.why}` : "",
        ),
    ]);
    const findings =
      typed && last
        ? [
            ...last.findings,
            ...(last.blocked || [])
              .filter((message) => !last.findings.some((finding) => finding.message === message))
              .map((message) => ({ ruling: "block", message, start: 0, end: 0 })),
          ]
        : []; // the last ones stand until the next are here
    this.show("findings", findings, () =>
      findings.map((finding) =>
        h(
          "li",
          { "data-ruling": finding.ruling },
          icon("alert"),
          h(
            "button",
            { type: "button", class: "finding", onclick: () => this.point(finding) },
            h("b", {}, finding.ruling === "block" ? "Blocked: " : "Mind: "),
            finding.message,
            finding.end > finding.start && h("span", { class: "unseen" }, ", show the place"),
          ),
        ),
      ),
    );
    const signed =
      checked?.text ?? (typed ? typed + (this.way?.signature ? ` ${this.way.signature}` : "") : "");
    const first = this.way?.moves || !this.way?.invitation ? "" : this.way.invitation;
    this.show(
      "preview",
      [signed, this.words.handle, first],
      () =>
        signed && [
          first &&
            h(
              "p",
              { class: "hush" },
              "They have to write to us first. The public line for that: ",
              h("bdi", {}, first),
            ),
          h("p", { class: "hush" }, "As it goes out, from ", name(this.words.handle)),
          said(signed),
        ],
    );
  }

  point({ start, end }) {
    const { area } = this.parts;
    const units = (count) => [...area.value].slice(0, count).join("").length; // the desk counts characters, a browser UTF-16
    area.focus();
    if (end > start) area.setSelectionRange(units(start), units(end));
  }

  draw_card(card) {
    const ends = card.expires ? Date.parse(card.expires) - at() : Infinity;
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "card",
          "aria-keyshortcuts": `Alt+${card.index + 1}`,
          title: card.text,
          onclick: () => this.insert(card.index),
        },
        card.index < 9 && h("kbd", { "aria-hidden": "true" }, `${card.index + 1}`),
        h(
          "span",
          {},
          h("b", {}, card.title),
          h(
            "span",
            { class: "hush" },
            card.odds ? ` fits ${Math.round(card.odds * 100)} in 100` : "",
            ends < 7 * 86_400_000 ? ` · ends in ${long(ends)}` : "",
          ),
          h("span", { class: "card-text", dir: "auto" }, card.text),
        ),
      ),
    );
  }
}

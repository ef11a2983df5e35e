// The composer: one answer in the making. What is typed is kept on the desk as a draft, and is never lost here.

import { Problem, path, write } from "./api.js";
import { Look } from "./composer_look.js";
import { ask, say, toast } from "./dom.js";

const SAVE = 700; // ms after the last key
const CHECK = 250;
const UNSENT = "allhours.unsent."; // where words wait while one signs in again

const blank = () => ({ item_key: "", text: "", private: false, account: "", handle: "", card: "" });
const copy = (draft) =>
  Object.fromEntries(Object.keys(blank()).map((key) => [key, draft[key] ?? blank()[key]]));
const same = (one, other) => JSON.stringify(copy(one)) === JSON.stringify(copy(other));

/** One composer for one case; `hooks.refresh` reads the case again, `hooks.member` says who we are. */
export class Composer extends Look {
  constructor(host, whole, hooks) {
    super();
    Object.assign(this, { host, whole, hooks, id: whole.case_id });
    this.words = blank();
    this.version = null; // of the draft on the desk; null while there is none
    this.saved = null; // the words that the desk has
    this.checked = null; // {words, answer}
    this.know(); // the conversation as it was when the writer began
    this.expanded = false;
    this.trouble = null;
    this.key = null; // {words, key} of a send that has no answer yet
    this.working = "";
    this.build();
    const unsent = sessionStorage.getItem(UNSENT + this.id);
    this.take_in(whole);
    if (unsent) {
      sessionStorage.removeItem(UNSENT + this.id);
      const words = JSON.parse(unsent);
      if (words.text && words.text !== this.words.text) {
        this.words = words;
        this.expanded = true;
        this.changed();
      }
    }
    this.render();
  }

  get draft() {
    return this.whole.draft;
  }
  get mine() {
    return !this.draft || this.draft.by === this.hooks.member();
  }
  get waiting() {
    return this.draft?.state === "waiting";
  }
  get held() {
    return this.draft && !this.mine && !this.waiting;
  }
  get dirty() {
    return Boolean(this.words.text || this.saved) && (!this.saved || !same(this.words, this.saved));
  }
  get way() {
    return this.whole.ways.find(
      (way) =>
        way.account === this.words.account &&
        way.handle === this.words.handle &&
        way.private === this.words.private,
    );
  }
  may(action) {
    return this.whole.actions.includes(action);
  }

  /** Take in the case as the desk has it now, without ever touching words that are not saved. */
  take_in(whole) {
    const before = this.whole;
    this.whole = whole;
    const draft = whole.draft;
    if (draft && this.mine && draft.version !== this.version && !this.saving && !this.working) {
      if (this.version === null && this.dirty) this.trouble = null;
      if (!this.dirty || draft.text === this.words.text) this.adopt(draft);
    }
    if (this.key && !this.working && whole.conversation.some((entry) => entry.key === this.key.key))
      this.forget(); // it went out, only its answer was lost
    if (!draft && this.version !== null && !this.saving && !this.working) {
      this.version = null;
      this.saved = null;
      if (!this.words.text) this.words = blank();
      else if (before.draft)
        this.trouble = {
          text: "This draft was sent or discarded elsewhere. Your words are still here; look at the conversation before you go on.",
        };
    }
    if (!this.words.item_key) this.aim();
    if (this.expanded && this.seen !== whole.seen && before.seen !== whole.seen) {
      this.trouble = { text: "The conversation changed since you began.", changed: this.changes() };
      say("The conversation changed since you began to write.", true);
    }
    this.render();
  }

  adopt(draft) {
    if (draft.seen) this.seen = draft.seen;
    if (draft.state !== "waiting" && this.whole.changed?.length)
      this.trouble = {
        text: "The conversation changed since this was written.",
        changed: this.whole.changed,
      };
    this.words = copy(draft);
    this.saved = copy(draft);
    this.version = draft.version;
    if (this.parts.area.value !== draft.text) this.parts.area.value = draft.text;
    if (this.mine && !this.waiting && draft.text) {
      this.expanded = true;
      this.check_soon();
    }
  }

  /** Aim at the last thing that was said to us, by the first way that is allowed and no more public than it. */
  aim(item_key) {
    const items = this.whole.conversation.filter((entry) => entry.kind === "item" && !entry.deleted);
    const target = items.find((item) => item.key === (item_key || this.whole.answers)) || items.at(-1);
    if (!target) return;
    const ways = this.whole.ways.filter((way) => way.allowed);
    const way =
      ways.find((each) => each.private === Boolean(target.private)) ||
      ways.find((each) => each.private) ||
      ways[0];
    this.words = {
      ...this.words,
      item_key: target.key,
      ...(way && !(this.words.text && this.way?.allowed)
        ? { private: way.private, account: way.account, handle: way.handle }
        : {}),
    };
  }

  /** Remember the conversation as the writer knows it. */
  know() {
    this.seen = this.whole.seen;
    this.known = new Map(this.whole.conversation.map((entry) => [entry.key, entry]));
  }

  /** List what is different from what the writer knows. */
  changes() {
    return this.whole.conversation
      .filter((entry) => entry.kind !== "note")
      .flatMap((entry) => {
        const old = this.known?.get(entry.key);
        if (entry.kind === "reply") return old ? [] : [`${entry.who} answered: ${entry.text}`];
        if (!old) return [`${entry.who} wrote: ${entry.text}`];
        if (entry.deleted && !old.deleted) return [`${entry.who} deleted: ${old.text}`];
        return entry.text === old.text ? [] : [`${entry.who} changed it to: ${entry.text}`];
      });
  }

  open(item_key) {
    if (this.waiting) return this.host.querySelector(".panel button")?.focus();
    if (this.held) return this.host.querySelector(".panel button")?.focus();
    if (!this.may("draft")) return say("You may not answer here.", true);
    if (!this.expanded) this.know();
    this.expanded = true;
    if (item_key) {
      this.aim(item_key);
      if (this.words.text) this.changed();
    }
    this.render();
    this.grow();
    this.parts.area.focus();
    this.form.scrollIntoView({ block: "nearest" });
    return undefined;
  }

  fold() {
    this.expanded = false;
    this.parts.area.blur();
    this.render();
  }

  on_input() {
    this.words.text = this.parts.area.value;
    this.changed();
  }

  on_keydown(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      event.preventDefault();
      this.send();
    }
    if (event.altKey && /^Digit[1-9]$/.test(event.code)) {
      event.preventDefault();
      this.insert(Number(event.code.at(-1)) - 1);
    }
  }

  /** The words changed: count at once, check and save soon. */
  changed() {
    if (this.trouble && !this.trouble.changed) this.trouble = null;
    this.grow();
    this.check_soon();
    clearTimeout(this.save_timer);
    this.save_timer = setTimeout(() => this.save(), SAVE);
    this.render();
  }

  grow() {
    const { area } = this.parts;
    if (area.value !== this.words.text) area.value = this.words.text;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight + 2, innerHeight * 0.38)}px`;
  }

  // -- the draft on the desk

  /** Keep the words on the desk; one write at a time, again when they changed meanwhile. */
  save() {
    clearTimeout(this.save_timer);
    if (this.saving) return this.saving.then(() => this.save());
    if (!this.dirty || this.held) return Promise.resolve();
    this.saving = this.put().finally(() => {
      this.saving = null;
      this.render();
    });
    this.render();
    return this.saving;
  }

  async put(take_over = "") {
    const words = copy(this.words);
    try {
      const draft = await write(
        "PUT",
        path("cases", this.id, "draft"),
        { ...words, seen: this.seen, ...(take_over ? { take_over } : {}) },
        { match: this.version === null ? "*" : `"${this.version}"`, tries: 1 },
      );
      this.version = draft.version;
      this.saved = words;
      this.whole = { ...this.whole, draft };
      this.unsaved = "";
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      this.unsaved = problem.message;
      if ([409, 412].includes(problem.status))
        await this.hooks.refresh().then(
          () => this.collided(problem),
          () => {},
        );
      else if ([0, 401, 429, 503].includes(problem.status))
        this.save_timer = setTimeout(() => this.save(), 1000 * (problem.again || 4));
      else this.trouble = { text: problem.message };
    }
  }

  /** Another hand wrote the draft: show theirs, keep ours. */
  collided(problem) {
    if (this.draft && this.mine) {
      this.version = this.draft.version;
      this.trouble = {
        text: "This draft was changed in another window. What stands here is kept when you type on.",
        theirs: this.draft.text,
      };
    } else if (this.draft) this.trouble = { text: problem.message };
    else {
      this.version = null;
      this.save_timer = setTimeout(() => this.save(), SAVE);
    }
  }

  /** Keep what is not saved over a sign-in or a closed page. */
  stash() {
    if (this.dirty && this.words.text) sessionStorage.setItem(UNSENT + this.id, JSON.stringify(this.words));
  }

  async discard() {
    clearTimeout(this.save_timer);
    await this.saving;
    const words = copy(this.words);
    try {
      if (this.version !== null)
        await write("DELETE", path("cases", this.id, "draft"), undefined, { match: `"${this.version}"` });
    } catch (problem) {
      return this.fail(problem);
    }
    this.whole = { ...this.whole, draft: null };
    this.forget();
    if (words.text)
      toast("The draft is discarded.", () => {
        this.words = words;
        this.expanded = true;
        this.changed();
        this.render();
      });
    return undefined;
  }

  async take_over(lease_over) {
    const { draft } = this;
    const answer = lease_over
      ? { word: "its writer stopped" }
      : await ask({
          title: `Take over from ${draft.by_name || draft.by}?`,
          intro: "They are told, and your word is on the record.",
          fields: [
            { name: "word", label: "Why you take it over", required: true, hint: "e.g. agreed on the phone" },
          ],
          yes: "Take over",
        });
    if (!answer) return;
    const own = this.words.text && !this.saved ? this.words.text : "";
    this.words = copy(draft);
    if (own) this.words.text = own;
    this.version = draft.version;
    this.parts.area.value = this.words.text;
    await this.put(answer.word);
    if (this.unsaved) {
      this.trouble = { text: this.unsaved };
      return;
    }
    this.expanded = true;
    this.know();
    this.check_soon();
    this.render();
    this.parts.area.focus();
  }

  // -- check

  check_soon() {
    clearTimeout(this.check_timer);
    this.check_timer = setTimeout(() => this.check().catch((problem) => this.unchecked(problem)), CHECK);
  }

  /** Ask the desk how it goes out and what is wrong with it; only the answer to the words as they are counts. */
  async check() {
    clearTimeout(this.check_timer);
    if (!this.words.text.trim() || !this.way) {
      this.checked = null;
      return null;
    }
    const words = copy(this.words);
    if (this.checked && same(this.checked.words, words)) return this.checked.answer;
    const answer = await write("POST", path("cases", this.id, "check"), words, { tries: 1 });
    if (!same(words, this.words)) return this.check();
    this.checked = { words, answer };
    this.render();
    return answer;
  }

  unchecked(problem) {
    if (![0, 401, 429, 503].includes(problem.status)) this.trouble = { text: problem.message };
    else this.check_timer = setTimeout(() => this.check_soon(), 1000 * (problem.again || 3));
    this.render();
  }

  get fresh_check() {
    return this.checked && same(this.checked.words, this.words) ? this.checked.answer : null;
  }

  // -- ways and cards

  choose(way) {
    this.words = { ...this.words, private: way.private, account: way.account, handle: way.handle };
    this.changed();
    say(way.private ? "Private" : "Public");
  }

  flip() {
    const allowed = this.whole.ways.filter((way) => way.allowed && way.private !== this.words.private);
    const way = allowed.find((each) => each.account === this.words.account) || allowed[0];
    if (way) return this.choose(way);
    const refused = this.whole.ways.find((each) => each.private !== this.words.private);
    return toast(
      refused
        ? refused.reason
        : this.words.private
          ? "It cannot be answered in public."
          : "It cannot be answered in private here.",
    );
  }

  insert(index) {
    const card = this.whole.cards[index];
    if (!card) return;
    if (!this.expanded) this.open();
    if (!this.expanded) return;
    const { area } = this.parts;
    const [start, end] = [area.selectionStart, area.selectionEnd];
    const before = this.words.text.slice(0, start);
    const gap = before && !/\s$/u.test(before) ? " " : "";
    this.words.text = before + gap + card.text + this.words.text.slice(end);
    this.words.card = card.card_id;
    this.changed();
    area.focus();
    area.selectionStart = area.selectionEnd = start + gap.length + card.text.length;
    say(`Card inserted: ${card.title}`);
  }

  focus_cards() {
    if (!this.expanded) this.open();
    this.parts.cards.querySelector("button")?.focus();
  }

  // -- out it goes

  /** Where only a lead answers, ask why, for the record; null for a step back. */
  async reason() {
    if (this.whole.stance !== "must_not" || !this.may("answer_anyway")) return "";
    const answer = await ask({
      title: "Answer it all the same?",
      intro: "Only a lead answers this. Your reason goes on record.",
      fields: [{ name: "because", label: "Why it is answered", required: true }],
      yes: "Answer it",
    });
    return answer && answer.because;
  }

  /** Send. The key is made at the click; the same words are the same reply however often that is. */
  async send(second = false) {
    if (this.working || !this.expanded || !this.words.text.trim()) return;
    const words = copy(this.words);
    const print = JSON.stringify([words, second]);
    const key = crypto.randomUUID();
    this.work("Checking…");
    try {
      if (this.key?.print !== print) {
        // else that very click got no answer: it is made once more as it was
        const checked = await this.check();
        if (!checked) return;
        if (!checked.may_send) {
          this.trouble = { text: "This cannot go out yet: see what the check found." };
          this.focus_finding();
          return;
        }
        const because = checked.needs_approval ? "" : await this.reason();
        if (because === null) return;
        await this.save();
        if (this.unsaved) {
          this.trouble = { text: this.unsaved };
          return;
        }
        this.key = {
          print,
          key,
          body: { ...words, reply_id: key, version: this.version, seen: this.seen, second, because },
        };
      }
      this.work("Sending…");
      this.sent(await write("POST", path("cases", this.id, "replies"), this.key.body, { key: this.key.key }));
    } catch (problem) {
      await this.fail(problem);
    } finally {
      this.work("");
    }
  }

  sent({ reply, draft }) {
    this.key = null;
    this.trouble = null;
    if (reply) {
      this.whole = { ...this.whole, draft: null };
      this.forget();
      toast("Your answer is on its way.");
    } else {
      this.version = draft.version;
      this.saved = copy(draft);
      this.whole = { ...this.whole, draft };
      this.expanded = false;
      toast("A second person has to agree; they see it now.");
    }
    this.hooks.refresh();
  }

  /** Start with an empty page: what was written went out, or was discarded. */
  forget() {
    clearTimeout(this.save_timer);
    Object.assign(this, {
      words: blank(),
      saved: null,
      version: null,
      checked: null,
      trouble: null,
      key: null,
      unsaved: "",
    });
    this.parts.area.value = "";
    this.aim();
    this.fold();
  }

  async approve(second = false) {
    if (this.working || !this.waiting || !this.may("approve")) return;
    const { draft } = this;
    const print = `approve ${draft.version} ${second}`;
    if (this.key?.print !== print) {
      const because = await this.reason();
      if (because === null) return;
      this.key = { print, key: crypto.randomUUID(), because };
    }
    this.work("Sending…");
    try {
      this.sent(
        await write(
          "POST",
          path("cases", this.id, "draft", "approve"),
          {
            reply_id: this.key.key,
            version: draft.version,
            seen: this.approve_seen || draft.seen || this.whole.seen,
            second,
            because: this.key.because,
          },
          { key: this.key.key },
        ),
      );
    } catch (problem) {
      await this.fail(problem);
    } finally {
      this.work("");
    }
  }

  async give_back() {
    const answer = await ask({
      title: "Give it back",
      fields: [{ name: "comment", label: "What should change", required: true, long: true }],
      yes: "Give back",
    });
    if (!answer) return;
    try {
      await write("POST", path("cases", this.id, "draft", "return"), {
        comment: answer.comment,
        version: this.draft.version,
      });
      toast("Given back with your comment.");
      await this.hooks.refresh();
    } catch (problem) {
      await this.fail(problem);
    }
  }

  work(words) {
    this.working = words;
    this.render();
  }

  /** Say what went wrong; what changed meanwhile is listed, and has to be seen before it is sent again. */
  async fail(problem) {
    if (!(problem instanceof Problem)) throw problem;
    this.key = [0, 429, 503].includes(problem.status) ? this.key : null;
    const changed = problem.code === "changed" ? problem.details?.changes || [] : null;
    this.trouble = {
      text: changed ? "The conversation is not as you saw it." : problem.message,
      changed,
      second: problem.code === "answered",
    };
    if (problem.status === 422 && problem.details?.findings)
      this.checked = {
        words: copy(this.words),
        answer: { ...this.checked?.answer, ...problem.details, may_send: false },
      };
    say(problem.message, true);
    if ([404, 409, 412].includes(problem.status)) await this.hooks.refresh().catch(() => {});
    this.render();
  }

  focus_finding() {
    this.render();
    this.parts.findings.querySelector("button")?.focus();
  }
}

// The desk's API: conditional reads, writes that may be repeated, and a sentence for everything that goes wrong.

import { at, setClock } from "./dom.js";
import { token, renewed } from "./sign_in.js";

const ROOT = location.pathname.replace(/desk\/?$/, "");
const TRIES = 4;
const kept = new Map(); // address -> the last answer with its ETag

const SENTENCES = {
  0: "No connection to the desk. What you typed is kept here and is saved when the connection is back.",
  401: "You are signed out. What you typed is kept: sign in again to go on.",
  403: "You may not do this here.",
  404: "This is not here any more, or you may not see it.",
  409: "Somebody changed this in the meantime. Look again, then repeat it.",
  412: "Somebody else wrote in this draft in the meantime.",
  422: "This cannot be done as it is.",
  429: "That was too much at once. It is tried again by itself.",
  503: "The desk is busy. It is tried again by itself.",
};

/** What went wrong, in a sentence for a person. */
export class Problem extends Error {
  constructor(status, { code = "", message = "", details = null } = {}, again = 0) {
    super(
      message ||
        SENTENCES[status] ||
        `The desk answered with an error (${status}). Try again; if it stays, tell whoever runs the desk.`,
    );
    Object.assign(this, { status, code, details, again });
  }
}

/** Tell the page whether the desk can be reached, and whether we are signed in. */
export const line = new EventTarget();
const tell = (problem) => line.dispatchEvent(new CustomEvent("line", { detail: problem }));

async function once(method, path, { body, key, match, etag } = {}) {
  const headers = { Accept: "application/json", Authorization: `Bearer ${await token()}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  if (match) headers[match === "*" ? "If-None-Match" : "If-Match"] = match;
  if (etag) headers["If-None-Match"] = etag;
  let answer;
  try {
    answer = await fetch(`${ROOT}api/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(20_000),
    });
  } catch {
    throw new Problem(0);
  }
  setClock(answer.headers.get("Date"));
  if (answer.status === 304) return { status: 304 };
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return { status: answer.status, body: told, etag: answer.headers.get("ETag") };
  throw new Problem(answer.status, told.error, Number(answer.headers.get("Retry-After")) || 0);
}

/** Call once; renew an expired sign-in on the way, and tell the page how the line is. */
async function call(method, path, options) {
  try {
    const answer = await once(method, path, options).catch(async (problem) => {
      if (problem.status !== 401 || !(await renewed())) throw problem;
      return once(method, path, options);
    });
    tell(null);
    return answer;
  } catch (problem) {
    if ([0, 401].includes(problem.status)) tell(problem);
    throw problem;
  }
}

let quietUntil = 0;

/** Read; `changed` is false when it is as it was. Does not ask while the desk wants to be left alone. */
export async function read(path) {
  const before = kept.get(path);
  if (before && at() < quietUntil) return { body: before.body, changed: false };
  try {
    const answer = await call("GET", path, { etag: before?.etag });
    if (answer.status === 304) return { body: before.body, changed: false };
    kept.delete(path);
    kept.set(path, answer);
    if (kept.size > 30) kept.delete(kept.keys().next().value);
    return { body: answer.body, changed: true };
  } catch (problem) {
    if ([429, 503].includes(problem.status)) quietUntil = at() + 1000 * (problem.again || 5);
    throw problem;
  }
}

/** Write; the key makes a repeat the same write, so one that got no answer is repeated here. */
export async function write(method, path, body, { key = crypto.randomUUID(), match, tries = TRIES } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await call(method, path, { body, key: method === "POST" ? key : undefined, match })).body;
    } catch (problem) {
      const later = [0, 429, 503].includes(problem.status) || problem.code === "at_work";
      if (!later || attempt >= tries) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(10, problem.again || attempt)));
    }
  }
}

export const path = (...parts) => parts.map(encodeURIComponent).join("/");

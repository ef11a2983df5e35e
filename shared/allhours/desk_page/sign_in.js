// Signing in: OIDC authorization code with PKCE. Tokens live in this tab's sessionStorage and go to our own API alone.

const KEPT = "allhours.session";
const BEGUN = "allhours.sign-in";
const HERE = location.origin + location.pathname;
const EARLY = 60_000; // a token is renewed this long before it ends

let config = null;
let places = null; // the issuer's endpoints
let renewing = null;

const load = (key) => JSON.parse(sessionStorage.getItem(key) || "null");
const store = (key, value) => sessionStorage.setItem(key, JSON.stringify(value));

/** Return `{issuer, client_id, name, scope, token}`; without an issuer nobody can sign in, and `tells` says why. */
export async function configuration() {
  if (!config) {
    const answer = await fetch(`${location.pathname.replace(/\/$/, "")}/config.json`, {
      credentials: "omit",
    });
    config = answer.ok
      ? await answer.json()
      : answer.status === 404
        ? {}
        : Promise.reject(new Error(String(answer.status)));
    config = await config;
  }
  return config;
}

async function endpoints() {
  const { issuer } = await configuration();
  places ||= await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, {
    credentials: "omit",
  }).then((answer) => {
    if (!answer.ok) throw new Error(`the sign-in service answered ${answer.status}`);
    return answer.json();
  });
  return places;
}

const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Leave for the issuer's page; we come back to where we were. */
export async function signIn() {
  const { client_id: client, scope = "openid profile" } = await configuration();
  const found = await endpoints();
  const begun = { state: random(), nonce: random(), verifier: random(), view: location.hash };
  store(BEGUN, begun);
  const challenge = base64url(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(begun.verifier)),
  );
  const offline = found.scopes_supported?.includes("offline_access") ? " offline_access" : "";
  const asked = {
    response_type: "code",
    client_id: client,
    redirect_uri: HERE,
    scope: `${scope}${offline}`,
    state: begun.state,
    nonce: begun.nonce,
    code_challenge: challenge,
    code_challenge_method: "S256",
  };
  location.assign(`${found.authorization_endpoint}?${new URLSearchParams(asked)}`);
}

/** Finish a sign-in that the issuer sent back; return why it failed, or "". */
export async function finish() {
  const told = new URLSearchParams(location.search);
  if (!told.has("state")) return "";
  const begun = load(BEGUN);
  sessionStorage.removeItem(BEGUN);
  history.replaceState(null, "", HERE + (begun?.view || ""));
  if (told.get("state") !== begun?.state) return "That sign-in was not begun in this tab. Sign in once more.";
  if (told.has("error"))
    return `The sign-in service said no (${told.get("error")}). Sign in once more, or ask who runs it.`;
  const gave = await exchange({
    grant_type: "authorization_code",
    code: told.get("code"),
    redirect_uri: HERE,
    code_verifier: begun.verifier,
  });
  if (!gave) return "The sign-in could not be finished. Sign in once more.";
  if (gave.id_token && claims(gave.id_token).nonce !== begun.nonce) {
    sessionStorage.removeItem(KEPT);
    return "The sign-in service answered another question. Sign in once more.";
  }
  return "";
}

async function exchange(form) {
  const { client_id: client, token: sent = "access_token" } = await configuration();
  const body = new URLSearchParams({ client_id: client, ...form });
  const answer = await fetch((await endpoints()).token_endpoint, {
    method: "POST",
    body,
    credentials: "omit",
  });
  if (!answer.ok) return null;
  const gave = await answer.json();
  const before = load(KEPT);
  store(KEPT, {
    token: gave[sent] || before?.token,
    refresh: gave.refresh_token || (form.grant_type === "refresh_token" ? before?.refresh : ""),
    id: gave.id_token || before?.id,
    until: Date.now() + 1000 * (gave.expires_in || 3600),
  });
  return gave;
}

const claims = (jwt) =>
  JSON.parse(
    new TextDecoder().decode(
      Uint8Array.from(atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (letter) =>
        letter.charCodeAt(0),
      ),
    ),
  );

export const signedIn = () => Boolean(load(KEPT)?.token);

/** Return the token, a fresh one when it is about to end and the issuer lets us. */
export async function token() {
  const session = load(KEPT);
  if (session && Date.now() > session.until - EARLY) await renewed();
  return load(KEPT)?.token || "";
}

/** Renew the sign-in without a word; return whether that went well. One at a time. */
export function renewed() {
  const session = load(KEPT);
  if (!session?.refresh) return Promise.resolve(false);
  renewing ||= exchange({ grant_type: "refresh_token", refresh_token: session.refresh })
    .then(Boolean, () => false)
    .finally(() => {
      renewing = null;
    });
  return renewing;
}

/** Forget the tokens, and leave the issuer too where it knows how. */
export async function signOut() {
  const session = load(KEPT);
  sessionStorage.clear();
  const { client_id: client } = await configuration();
  const goodbye = await endpoints().then(
    (found) => found.end_session_endpoint,
    () => "",
  );
  if (!goodbye) return location.replace(HERE);
  return location.assign(
    `${goodbye}?${new URLSearchParams({ ...(session?.id ? { id_token_hint: session.id } : {}), client_id: client, post_logout_redirect_uri: HERE })}`,
  );
}

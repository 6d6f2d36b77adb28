// The shop's API, asked in one customer's name.

import { random } from "./names.js";

/** No answer takes longer; after this long it counts as lost. */
const PATIENCE = 20_000;
/** The pauses before a request without a sure answer is sent again. */
const PAUSES = [500, 1_000, 2_000, 4_000];
/** Answers that leave open whether the work was done, or say "not now". */
const UNSURE = new Set([429, 502, 503, 504]);

/** The shop's refusal: `problem` is its RFC 9457 document. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
  }

  /** Whether it says that the work was not done, and not "perhaps" or "not now". */
  get isFinal() {
    return this.status < 500 && !mayPass(this);
  }
}

/** No answer came: nobody knows whether the request arrived. */
export class Unreachable extends Error {}

export class Api {
  constructor(user) {
    this.user = user;
  }

  /** `{ body, next }`: what was asked for, and the path of the next page or `null`. */
  async get(path) {
    return this.#ask(path, { method: "GET" });
  }

  /**
   * Sends `body`, a JSON text or `null`, under `key`. Sends it again with the
   * same key while the answer stays away, so that the work is done once;
   * `unsure` hears of each further attempt.
   */
  async post(path, body, key, unsure = () => {}) {
    const headers = { "Idempotency-Key": key };
    if (body !== null) headers["Content-Type"] = "application/json";
    for (const pause of PAUSES) {
      try {
        return await this.#ask(path, { method: "POST", headers, body });
      } catch (error) {
        if (!mayPass(error)) throw error;
        unsure();
        await later(pause * (0.75 + Math.random() / 2));
      }
    }
    return this.#ask(path, { method: "POST", headers, body });
  }

  async #ask(path, request) {
    const headers = { Accept: "application/json", "X-User-Id": this.user, ...request.headers };
    let response;
    let text;
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      response = await fetch(path, { ...request, headers, signal, cache: "no-store", credentials: "omit" });
      text = await response.text();
    } catch (error) {
      throw new Unreachable("no answer", { cause: error });
    }
    const body = read(text);
    if (!response.ok) throw new Refused(response.status, body ?? { title: response.statusText });
    if (body === undefined) throw new Unreachable("not an answer of the shop");
    return { body, next: nextPage(response.headers.get("Link")) };
  }
}

/** A new Idempotency-Key. */
export function newKey() {
  return random(24);
}

function mayPass(error) {
  if (error instanceof Unreachable) return true;
  return error instanceof Refused && (UNSURE.has(error.status) || error.problem.code === "request_in_progress");
}

function later(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function nextPage(link) {
  return /<([^>]+)>;\s*rel="?next"?/.exec(link ?? "")?.[1] ?? null;
}

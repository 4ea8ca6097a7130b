/**
 * How the retries of an SDK find the key of the call that they repeat.
 *
 * An SDK that retries hands `fetch` a new body, new headers and a new signal: nothing by which
 * to know the call again but what it says. So a call that got **no answer** (the network was
 * lost, or the server said "not now") leaves its key here, and the next call that says the same
 * takes it over, *once*. What follows from that:
 *
 * - a retry goes on under the key of the call it repeats, and attaches to its job;
 * - two calls never share a key while both are under way, and no answer is ever given to two
 *   callers: a key is here only if nobody was given what it stands for;
 * - there are as many keys as there are calls, so which of several equal calls a key came from
 *   makes no difference to anyone.
 *
 * SDKs made by Stainless (OpenAI's, Anthropic's) count their retries in a header: there only a
 * call that says it is retry n takes a key, and only of a call that was number n - 1, so calls
 * that an application repeats by itself stay apart however they ended. Others say nothing (the
 * AI SDK, plain `fetch`): their keys are owed for a short time only, and not at all where the
 * caller itself gave up.
 *
 * @module
 */

const COUNT = "x-stainless-retry-count";
const COUNTED_FOR = 3_600_000; // milliseconds: a Retry-After can be long
const MOST = 100; // keys
const MOST_TEXT = 16 << 20; // characters of requests that are held

/**
 * @typedef {object} Saying what makes two calls the same, as far as anyone can see
 * @property {string} text the request: its address, credentials and body
 * @property {number | undefined} count which retry it says it is; undefined if it doesn't say
 */

/**
 * @param {string} url
 * @param {Headers} headers
 * @param {string} body
 * @returns {Saying}
 */
export function sayingOf(url, headers, body) {
  const count = headers.get(COUNT);
  const credentials = [headers.get("authorization"), headers.get("x-api-key")];
  return {
    text: JSON.stringify([url, ...credentials]) + body,
    count: count !== null && /^\d{1,6}$/.test(count) ? Number(count) : undefined,
  };
}

export class OwedKeys {
  /** @type {(Saying & {key: string, until: number})[]} the newest last */
  #owed = [];
  #window;

  /** @param {number} window milliseconds that a key is owed to calls without a count */
  constructor(window) {
    this.#window = window;
  }

  /**
   * A call got no answer.
   *
   * @param {Saying} saying
   * @param {string} key
   * @param {boolean} left the caller gave it up itself
   */
  owe(saying, key, left) {
    const counted = saying.count !== undefined;
    if (left && !counted) return;
    const until = performance.now() + (counted ? COUNTED_FOR : this.#window);
    this.#owed.push({ ...saying, key, until });
    this.#forget();
  }

  /**
   * @param {Saying} saying
   * @returns {string | undefined} the key that the call is to take over
   */
  claim(saying) {
    if (saying.count === 0) return undefined;
    this.#forget();
    const before = saying.count === undefined ? undefined : saying.count - 1;
    const found = this.#owed.findLastIndex(
      (one) => one.count === before && one.text === saying.text,
    );
    return found < 0 ? undefined : this.#owed.splice(found, 1)[0]?.key;
  }

  #forget() {
    const now = performance.now();
    let text = 0;
    const kept = this.#owed.toReversed().filter((one, place) => {
      text += one.text.length;
      return one.until > now && place < MOST && text <= MOST_TEXT;
    });
    this.#owed = kept.reverse();
  }
}

/** @returns {string} a request id; `crypto.randomUUID` is missing on plain HTTP */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `js-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/**
 * How long a lost connection is tried again, and when.
 *
 * The clock starts with the first loss and stops with any sign of progress: it bounds a time of
 * nothing but losses, not the length of a call. A pause is what the server asked for
 * (`Retry-After`, `retry:`), else it doubles, with jitter, so that the readers of a server that
 * died do not come back all in the same instant.
 *
 * @module
 */

const FIRST = 100; // milliseconds
const LONGEST = 5_000; // milliseconds

export class Patience {
  #most;
  /** @type {number | undefined} */
  #deadline; // undefined while nothing is lost
  #tries = 0;
  #first = FIRST;

  /** @param {number} most milliseconds without progress */
  constructor(most) {
    this.#most = most;
  }

  /** Milliseconds until it ends, 0 at least. */
  get left() {
    if (this.#deadline === undefined) return this.#most;
    return Math.max(0, this.#deadline - performance.now());
  }

  /** Something came. */
  renew() {
    this.#tries = 0;
    this.#deadline = undefined;
  }

  /**
   * The server's `retry:`, from now on.
   * @param {number} milliseconds
   */
  suggest(milliseconds) {
    this.#first = milliseconds;
  }

  /**
   * Something was lost.
   *
   * @param {number | undefined} asked the pause that the server asked for, in milliseconds
   * @returns {number | undefined} the pause before the next try; undefined if there is none
   */
  pause(asked) {
    this.#deadline ??= performance.now() + this.#most;
    const left = this.left;
    if (left <= 0) return undefined;
    if (asked !== undefined) return asked <= left ? asked : undefined;
    const grown = Math.min(this.#first * 2 ** this.#tries++, Math.max(LONGEST, this.#first));
    return Math.min(grown * (0.5 + Math.random() / 2), left);
  }
}

/**
 * @param {Headers} headers
 * @returns {number | undefined} the `Retry-After` in milliseconds from now
 */
export function retryAfter(headers) {
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  const found = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(found) ? undefined : Math.max(0, found);
}

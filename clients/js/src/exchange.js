/**
 * One logical call over as many connections as it takes.
 *
 *     open ──200, a stream──▶ reading ──terminal──▶ ended
 *      │ ▲                     │   ▲
 *      │ └─lost, or 503: pause │   └─200──┐
 *      │                     lost         │
 *      ▼                       └──▶ pause, ask for what follows the cursor ──204──▶ ended
 *    any other status                     └──4xx, or out of patience──▶ failed
 *
 * Every connection carries the same method, body and key, and from the second on the id of the
 * last whole event. So the server gives what follows, byte for byte, and whoever reads the
 * blocks sees one stream. Nothing is read before it is asked for.
 *
 * A cut stream is resumed only where that is known to be right: the server has shown that it
 * knows our key (it comes back as `x-request-id`) or has numbered its events, and the last event
 * had a number. Otherwise the stream is passed on as it is, its end or error included.
 *
 * @module
 */

import { isTerminal } from "./dialect.js";
import { refusal } from "./errors.js";
import { Patience, retryAfter } from "./patience.js";
import { Backwards, Place } from "./place.js";
import { isEventStream, rebuilt } from "./response.js";
import { Splitter } from "./sse.js";
import { sleep, unlessAborted } from "./waiting.js";

/** @import { Block } from "./sse.js" */
/** @import { Call, Fetch } from "./call.js" */

const ANSWER = 15_000; // milliseconds for a server's headers, which it may hold for 10 seconds
const AFTERMATH = 1_000; // milliseconds for the end of a body whose terminal has come

/**
 * @typedef {object} Limits
 * @property {number} patience milliseconds without progress until a loss is passed on
 * @property {number} idle milliseconds of silence after which a stream counts as lost; 0 is never
 */

export class Exchange {
  #call;
  #fetch;
  #idle;
  #patience;
  #hub = new AbortController(); // the caller has left
  #leg = new AbortController(); // to close this connection
  #unlink = () => {};
  #place;
  #known = false; // the server knows our key
  #ended = false; // the terminal has come
  #unnumbered = false; // the last event had no number: what follows it can't be asked for
  /** @type {Uint8Array} */
  #rest = new Uint8Array();

  /**
   * @param {Call} call
   * @param {Fetch} fetch
   * @param {Limits} limits
   */
  constructor(call, fetch, { patience, idle }) {
    this.#call = call;
    this.#fetch = fetch;
    this.#idle = idle;
    this.#patience = new Patience(patience);
    this.#place = new Place(call.headers.get("last-event-id") ?? undefined);
    const { signal } = call;
    if (!signal) return;
    const leave = () => this.close(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    this.#unlink = () => signal.removeEventListener("abort", leave);
    if (signal.aborted) leave();
  }

  /** Whether the caller has left. */
  get left() {
    return this.#hub.signal.aborted;
  }

  /**
   * Close whatever is open, at once.
   * @param {unknown} [reason] the error that a reader gets
   */
  close(reason) {
    this.#unlink();
    this.#hub.abort(reason);
    this.#leg.abort(this.#hub.signal.reason);
  }

  /**
   * Make the call; again, if no answer comes or the server says "not now".
   *
   * @returns {Promise<Response>} a stream as it begins; anything else whole
   * @throws the error of the first connection, once patience has run out
   */
  async open() {
    /** @type {{error: unknown} | undefined} */
    let first;
    for (;;) {
      /** @type {Response | undefined} */
      let response;
      const asked = performance.now();
      try {
        response = await this.#ask();
      } catch (error) {
        if (this.left) throw this.#hub.signal.reason;
        first ??= { error };
        // What held the call for so long was a server at work on it: that is no loss on a loss.
        if (performance.now() - asked > ANSWER) this.#patience.renew();
      }
      if (response && !isNotNow(response)) return this.#answered(response);
      const pause = this.#patience.pause(response && retryAfter(response.headers));
      if (pause === undefined) {
        if (response) return this.#answered(response);
        this.#unlink();
        throw first?.error;
      }
      await sleep(pause, this.#hub.signal);
    }
  }

  /** @param {Response} response */
  #answered(response) {
    const key = this.#call.headers.get("idempotency-key");
    this.#known = key !== null && response.headers.get("x-request-id") === key;
    if (!isEventStream(response)) this.#unlink();
    return response;
  }

  /**
   * The stream's blocks, those of one arrival together.
   *
   * @param {Response} response from `open`
   * @returns {AsyncGenerator<Block[], void, void>}
   */
  async *follow(response) {
    try {
      /** @type {Response | undefined} */
      let leg = response;
      while (leg && !this.#ended) {
        /** @type {unknown} */
        let loss;
        try {
          yield* this.#read(leg);
        } catch (error) {
          if (this.left) throw this.#hub.signal.reason;
          if (error instanceof Backwards) throw error;
          loss = error;
        }
        if (this.#ended) return;
        if (!this.#resumable()) {
          if (this.#rest.length) yield [{ bytes: this.#rest, event: NOTHING }];
          if (loss !== undefined) throw loss;
          return;
        }
        leg = await this.#again(loss ?? new TypeError("The stream ended before it was complete"));
      }
    } finally {
      this.#unlink();
    }
  }

  /**
   * One connection, to its end.
   *
   * @param {Response} response
   * @returns {AsyncGenerator<Block[], void, void>}
   */
  async *#read(response) {
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    const splitter = new Splitter();
    try {
      for (;;) {
        const { value, done } = await this.#within(reader.read());
        if (done) return;
        const blocks = splitter.push(value).filter((block) => this.#take(block));
        if (blocks.length) yield blocks;
      }
    } finally {
      this.#rest = splitter.rest();
      reader.cancel().catch(() => {}); // the connection is broken already
    }
  }

  /**
   * Wait for the next bytes; the connection is closed if it is silent for too long.
   *
   * @template T
   * @param {Promise<T>} coming
   * @returns {Promise<T>}
   */
  async #within(coming) {
    const leg = this.#leg;
    const most = this.#ended ? AFTERMATH : this.#resumable() ? this.#idle : 0;
    const silent = () => leg.abort(new DOMException("The stream fell silent", "TimeoutError"));
    const timer = most ? setTimeout(silent, most) : undefined;
    try {
      return await unlessAborted(coming, leg.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * @param {Block} block
   * @returns {boolean} whether to pass it on
   */
  #take({ bytes, event }) {
    if (event.retry !== undefined) this.#patience.suggest(event.retry);
    // A server that is stopping says so in an event of its own, which is no progress.
    if (this.#call.dialect === "native" && event.type === "retry") return false;
    this.#patience.renew();
    const still = event.id === (this.#place.cursor ?? "0");
    if (event.id && !this.#place.take(event.id, bytes)) return false;
    if (event.data !== undefined && this.#call.dialect) {
      this.#unnumbered = !event.id || (still && !this.#numbers());
      this.#ended ||= isTerminal(this.#call.dialect, event);
    }
    return true;
  }

  /** Whether the server is known to number its events as the protocol says. */
  #numbers() {
    return this.#known || this.#call.method === "GET";
  }

  #resumable() {
    return !this.#unnumbered && (this.#numbers() || this.#place.cursor !== undefined);
  }

  /**
   * @param {unknown} loss what to throw once patience has run out
   * @returns {Promise<Response | undefined>} the rest of the stream; undefined if there is none
   */
  async #again(loss) {
    this.#place.resume();
    /** @type {number | undefined} */
    let asked;
    for (;;) {
      const pause = this.#patience.pause(asked);
      if (pause === undefined) throw loss;
      await sleep(pause, this.#hub.signal);
      /** @type {Response} */
      let response;
      try {
        response = await this.#ask(Math.max(ANSWER, this.#patience.left));
      } catch {
        if (this.left) throw this.#hub.signal.reason;
        asked = undefined;
        continue;
      }
      if (response.status === 204) return undefined;
      if (response.ok && isEventStream(response)) return response;
      if (response.status >= 400 && response.status < 500) {
        throw await refusal("The stream can't be resumed", response, { cause: loss });
      }
      asked = retryAfter(response.headers);
    }
  }

  /**
   * One try. What is not a stream is read to its end: to lose a part is to lose it all.
   *
   * @param {number | undefined} [most] milliseconds; without, as long as the caller waits
   */
  async #ask(most) {
    this.#hub.signal.throwIfAborted();
    const { url, method, body, more, headers } = this.#call;
    const leg = (this.#leg = new AbortController());
    const sent = new Headers(headers);
    const { cursor } = this.#place;
    if (cursor !== undefined) sent.set("last-event-id", cursor);
    const late = () => leg.abort(new DOMException("No answer in time", "TimeoutError"));
    const timer = most === undefined ? undefined : setTimeout(late, most);
    try {
      const init = { ...more, method, headers: sent, signal: leg.signal };
      if (body !== undefined) Object.assign(init, { body });
      const response = await unlessAborted(this.#fetch(url, init), leg.signal);
      if (isEventStream(response)) return response;
      return rebuilt(response, await unlessAborted(response.arrayBuffer(), leg.signal));
    } finally {
      clearTimeout(timer);
    }
  }
}

const NOTHING = { id: undefined, type: "", data: undefined, retry: undefined };

/**
 * "Not now": nothing was decided about the call.
 * @param {Response} response
 */
function isNotNow({ status, headers }) {
  return (
    status === 503 && headers.has("retry-after") && headers.get("x-should-retry") !== "false"
  );
}

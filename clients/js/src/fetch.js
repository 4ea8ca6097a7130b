/**
 * A `fetch` whose streams survive lost connections: what an SDK is given in place of its own.
 *
 * @module
 */

import { callOf } from "./call.js";
import { Exchange } from "./exchange.js";
import { newKey, OwedKeys, sayingOf } from "./owed.js";
import { isEventStream, rebuilt } from "./response.js";

/** @import { Fetch } from "./call.js" */

/**
 * @typedef {object} ResumingOptions
 * @property {Fetch} [fetch] what makes the requests; default: the global `fetch`
 * @property {number} [patience] milliseconds without any progress until a loss is passed on to
 *   the caller; 0 is at once; default 60,000
 * @property {number} [idle] milliseconds of silence after which a stream is taken for lost, if it
 *   can be resumed; a Streamhold server says something every 15 seconds; 0 is never;
 *   default 60,000
 * @property {number} [retryWindow] milliseconds for which an equal call is taken for the retry of
 *   one that got no answer, where an SDK doesn't say what is a retry; 0 is never; default 120,000
 */

/** @type {(options: ResumingOptions) => Required<ResumingOptions>} */
export const settled = ({ fetch, patience = 60_000, idle = 60_000, retryWindow = 120_000 }) => ({
  // Looked up with every call: tests and instrumentation replace it. Browsers want no `this`.
  fetch: fetch ?? ((input, init) => globalThis.fetch(input, init)),
  patience,
  idle,
  retryWindow,
});

/**
 * A drop-in `fetch` for `new OpenAI({ fetch })`, `new Anthropic({ fetch })`, the AI SDK's
 * `createOpenAI({ fetch })` and whatever else takes one.
 *
 * A POST to `…/chat/completions`, `…/responses` or `…/messages` with a JSON body gets an
 * `Idempotency-Key`, if it has none; a stream that is cut is resumed after its last whole event;
 * a call that got no answer is made again under its key. A GET of `…/jobs/{id}/events` is resumed
 * as well, and so is one of `…/responses/{id}`, which as a whole is asked for again. Everything
 * else is passed on untouched.
 *
 * @param {ResumingOptions} [options]
 * @returns {Fetch}
 */
export function resumingFetch(options = {}) {
  const { fetch, retryWindow, ...limits } = settled(options);
  const owed = new OwedKeys(retryWindow);

  return async (input, init = {}) => {
    const call = await callOf(input, init);
    if (!call) return fetch(input, init);
    const { headers } = call;
    let unanswered = () => {};
    const exchange = new Exchange(call, fetch, limits);
    if (call.method === "POST" && !headers.has("idempotency-key")) {
      const saying = sayingOf(call.url, headers, call.text);
      const key = owed.claim(saying) ?? newKey();
      headers.set("idempotency-key", key);
      unanswered = () => owed.owe(saying, key, exchange.left);
    }
    try {
      const response = await exchange.open();
      if (isUnsettled(response)) unanswered();
      if (!isEventStream(response)) return response;
      return rebuilt(response, streamOf(exchange, response, unanswered));
    } catch (error) {
      unanswered();
      throw error;
    }
  };
}

/**
 * The statuses that SDKs retry, if the server does not say that it is no use.
 * @param {Response} response
 */
function isUnsettled({ status, headers }) {
  const passing = status === 408 || status === 409 || status === 429 || status >= 500;
  return passing && headers.get("x-should-retry") !== "false";
}

/**
 * @param {Exchange} exchange
 * @param {Response} response
 * @param {() => void} unanswered called for a stream that could not be finished
 * @returns {ReadableStream<Uint8Array<ArrayBuffer>>} read only as fast as its reader does
 */
function streamOf(exchange, response, unanswered) {
  const blocks = exchange.follow(response);
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { value, done } = await blocks.next();
          if (done) controller.close();
          else controller.enqueue(joined(value.map(({ bytes }) => bytes)));
        } catch (error) {
          if (!exchange.left) unanswered();
          throw error;
        }
      },
      async cancel(reason) {
        exchange.close(reason);
        await blocks.return();
        if (!response.body?.locked) await response.body?.cancel(reason); // nothing was ever read
      },
    },
    { highWaterMark: 0 },
  );
}

/** @param {Uint8Array[]} pieces */
function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

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
export function resumingFetch(options?: ResumingOptions): Fetch;
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
export const settled: (options: ResumingOptions) => Required<ResumingOptions>;
export type ResumingOptions = {
    /**
     * what makes the requests; default: the global `fetch`
     */
    fetch?: Fetch;
    /**
     * milliseconds without any progress until a loss is passed on to
     * the caller; 0 is at once; default 60,000
     */
    patience?: number;
    /**
     * milliseconds of silence after which a stream is taken for lost, if it
     * can be resumed; a Streamhold server says something every 15 seconds; 0 is never;
     * default 60,000
     */
    idle?: number;
    /**
     * milliseconds for which an equal call is taken for the retry of
     * one that got no answer, where an SDK doesn't say what is a retry; 0 is never; default 120,000
     */
    retryWindow?: number;
};
import type { Fetch } from "./call.js";

/** @import { Fetch } from "./call.js" */
/** @import { ParsedEvent } from "./sse.js" */
/**
 * @typedef {object} AgUiOptions
 * @property {string} baseURL of the server, with `/v1`
 * @property {string} model a route, or `PROVIDER/MODEL`
 * @property {Record<string, unknown>} [request] further fields of the chat request
 * @property {Fetch} [fetch] what makes the requests; default: the global `fetch`
 */
/**
 * @typedef {object} Run
 * @property {string} runId
 * @property {string} threadId
 * @property {boolean} begun
 * @property {string | undefined} message the id of the text, once it has begun
 * @property {Map<number, string>} calls the ids of tool calls, by their index
 * @property {string | null} finish
 */
/**
 * @param {AgUiOptions} options
 * @returns {Fetch}
 */
export function agUiFetch({ baseURL, model, request, fetch }: AgUiOptions): Fetch;
export type AgUiOptions = {
    /**
     * of the server, with `/v1`
     */
    baseURL: string;
    /**
     * a route, or `PROVIDER/MODEL`
     */
    model: string;
    /**
     * further fields of the chat request
     */
    request?: Record<string, unknown>;
    /**
     * what makes the requests; default: the global `fetch`
     */
    fetch?: Fetch;
};
export type Run = {
    runId: string;
    threadId: string;
    begun: boolean;
    /**
     * the id of the text, once it has begun
     */
    message: string | undefined;
    /**
     * the ids of tool calls, by their index
     */
    calls: Map<number, string>;
    finish: string | null;
};
import type { Fetch } from "./call.js";

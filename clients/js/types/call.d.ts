/** @import { Dialect } from "./dialect.js" */
/**
 * @typedef {(input: string | URL | Request, init?: RequestInit) => Promise<Response>} Fetch
 */
/**
 * @typedef {object} Call
 * @property {Dialect | undefined} dialect undefined where the answer is never a stream
 * @property {string} url
 * @property {string} method
 * @property {Headers} headers the call's own copy
 * @property {string | Uint8Array<ArrayBuffer> | undefined} body
 * @property {string} text the body as a text
 * @property {RequestInit} more whatever else `fetch` was given, passed on as it is
 * @property {AbortSignal | undefined} signal the caller's
 */
/**
 * @param {string | URL | Request} input
 * @param {RequestInit} init
 * @returns {Promise<Call | undefined>} undefined for what is no generation, or can't be repeated
 */
export function callOf(input: string | URL | Request, init: RequestInit): Promise<Call | undefined>;
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
export type Call = {
    /**
     * undefined where the answer is never a stream
     */
    dialect: Dialect | undefined;
    url: string;
    method: string;
    /**
     * the call's own copy
     */
    headers: Headers;
    body: string | Uint8Array<ArrayBuffer> | undefined;
    /**
     * the body as a text
     */
    text: string;
    /**
     * whatever else `fetch` was given, passed on as it is
     */
    more: RequestInit;
    /**
     * the caller's
     */
    signal: AbortSignal | undefined;
};
import type { Dialect } from "./dialect.js";

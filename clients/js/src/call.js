/**
 * A call to `fetch`, taken apart so that it can be made again.
 *
 * @module
 */

import { dialectOf } from "./dialect.js";

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
export async function callOf(input, init) {
  const request = input instanceof Request ? input : undefined;
  const url = request?.url ?? String(input);
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  const address = addressOf(url);
  const dialect = address && dialectOf(method, address);
  if (dialect === undefined) return undefined;
  const { headers, signal, body: given, ...rest } = init;
  const body = given === undefined ? await bodyOf(request) : repeatable(given);
  const text = body === undefined ? undefined : textOf(body);
  if (method !== "GET" && objectIn(text) === undefined) return undefined;
  return {
    dialect,
    url,
    method,
    headers: new Headers(headers ?? request?.headers),
    body,
    text: text ?? "",
    more: { ...(request && ofRequest(request)), ...rest },
    signal: signal ?? request?.signal ?? undefined,
  };
}

/** @param {string} url */
function addressOf(url) {
  try {
    return new URL(url, globalThis.location?.href);
  } catch {
    return undefined; // `fetch` itself says what is wrong with it
  }
}

/** @param {Request | undefined} request */
async function bodyOf(request) {
  if (!request?.body) return undefined;
  return new Uint8Array(await request.clone().arrayBuffer());
}

/**
 * @param {BodyInit | null} body
 * @returns {string | Uint8Array<ArrayBuffer> | undefined} a copy; undefined for what is read once
 */
function repeatable(body) {
  if (typeof body === "string") return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (!ArrayBuffer.isView(body)) return undefined;
  return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
}

/** @param {string | Uint8Array} body */
function textOf(body) {
  return typeof body === "string" ? body : new TextDecoder().decode(body);
}

/**
 * @param {string | undefined} text
 * @returns {Record<string, unknown> | undefined}
 */
function objectIn(text) {
  try {
    const value = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {Request} request
 * @returns {RequestInit}
 */
function ofRequest({ cache, credentials, integrity, mode, redirect, referrerPolicy }) {
  return { cache, credentials, integrity, mode, redirect, referrerPolicy };
}

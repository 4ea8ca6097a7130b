/**
 * Which calls are generations, and which of their events is the last.
 *
 * @module
 */

/** @import { ParsedEvent } from "./sse.js" */

/** @typedef {"chat" | "responses" | "messages" | "native"} Dialect */

// An assistant's thread has messages of its own kind; they are no generation.
const GENERATION = /(?<!\/threads\/[^/]*)\/(chat\/completions|responses|messages)\/?$/;
const EVENTS = /\/jobs\/[^/]+\/events\/?$/;
const RESPONSE = /\/responses\/[^/]+\/?$/; // one that exists already, as a stream or as it is

/** @type {Record<Dialect, ReadonlySet<string>>} */
const TERMINALS = {
  chat: new Set(["error"]),
  responses: new Set([
    "response.completed",
    "response.failed",
    "response.incomplete",
    "response.cancelled",
    "error",
  ]),
  messages: new Set(["message_stop", "error"]),
  native: new Set(["end"]),
};

/**
 * @param {string} method
 * @param {URL} url
 * @returns {Dialect | undefined} undefined for a call that is none of ours
 */
export function dialectOf(method, { pathname }) {
  if (method === "GET" && EVENTS.test(pathname)) return "native";
  if (method === "GET" && RESPONSE.test(pathname)) return "responses";
  const found = method === "POST" ? GENERATION.exec(pathname)?.[1] : undefined;
  return found === "chat/completions" ? "chat" : /** @type {Dialect | undefined} */ (found);
}

/**
 * @param {Dialect} dialect
 * @param {ParsedEvent} event
 * @returns {boolean} whether it ends the stream
 */
export function isTerminal(dialect, event) {
  if (event.data === undefined) return false;
  if (dialect === "chat" && event.data === "[DONE]") return true;
  if (event.type !== "" || dialect === "chat" || dialect === "native") {
    return TERMINALS[dialect].has(event.type);
  }
  return TERMINALS[dialect].has(typeWithin(event.data)); // `event:` repeats it, usually
}

/** @param {string} data */
function typeWithin(data) {
  try {
    return String(JSON.parse(data)?.type);
  } catch {
    return "";
  }
}

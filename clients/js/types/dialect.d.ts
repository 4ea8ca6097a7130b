/**
 * @param {string} method
 * @param {URL} url
 * @returns {Dialect | undefined} undefined for a call that is none of ours
 */
export function dialectOf(method: string, { pathname }: URL): Dialect | undefined;
/**
 * @param {Dialect} dialect
 * @param {ParsedEvent} event
 * @returns {boolean} whether it ends the stream
 */
export function isTerminal(dialect: Dialect, event: ParsedEvent): boolean;
export type Dialect = "chat" | "responses" | "messages" | "native";
import type { ParsedEvent } from "./sse.js";

/**
 * Streams that survive lost connections.
 *
 * @module
 */

/** @typedef {import("./agui.js").AgUiOptions} AgUiOptions */
/** @typedef {import("./call.js").Fetch} Fetch */
/** @typedef {import("./fetch.js").ResumingOptions} ResumingOptions */
/** @typedef {import("./client.js").ClientOptions} ClientOptions */
/** @typedef {import("./client.js").Job} Job */
/** @typedef {import("./client.js").JobEvent} JobEvent */
/** @typedef {import("./client.js").Submission} Submission */

export { agUiFetch } from "./agui.js";
export { Streamhold } from "./client.js";
export { StreamholdError } from "./errors.js";
export { resumingFetch } from "./fetch.js";

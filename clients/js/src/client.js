/**
 * A client of Streamhold's own endpoints: jobs, submitted by one process and followed by another.
 *
 * @module
 */

import { refusal } from "./errors.js";
import { Exchange } from "./exchange.js";
import { settled } from "./fetch.js";
import { newKey } from "./owed.js";
import { isEventStream } from "./response.js";

/** @import { Call } from "./call.js" */
/** @import { ResumingOptions } from "./fetch.js" */

const WAIT = 30; // seconds that one question for a result is held by the server

/**
 * @typedef {object} OwnOptions
 * @property {string} baseURL as SDKs take it: `http://127.0.0.1:8080/v1`
 * @property {string} [apiKey]
 * @property {Record<string, string>} [headers] sent with every request
 */

/** @typedef {OwnOptions & Omit<ResumingOptions, "retryWindow">} ClientOptions */

/**
 * A job, as the protocol describes it.
 *
 * @typedef {object} Job
 * @property {"job"} object
 * @property {string} request_id
 * @property {"queued" | "running" | "completed" | "failed" | "cancelled"} state
 * @property {string} dialect
 * @property {string} model
 * @property {number} created_at Unix seconds
 * @property {number | null} started_at
 * @property {number | null} ended_at
 * @property {number} cursor the stream's last sequence number
 * @property {boolean} delivered whether any part of the answer is in the stream
 * @property {Record<string, unknown>[]} attempts
 * @property {Record<string, unknown> | null} usage
 * @property {Record<string, unknown> | null} error
 * @property {Record<string, unknown> | null} metadata
 * @property {Record<string, unknown>} options
 * @property {number | null} deadline_at
 * @property {Record<string, string>} links
 */

/**
 * @typedef {object} Submission
 * @property {Record<string, unknown>} request what the dialect's own endpoint would be sent
 * @property {string} [requestId] default: one of our own making
 * @property {string} [dialect] default `chat`
 * @property {Record<string, unknown>} [metadata]
 * @property {Record<string, unknown>} [options] narrows the job: targets, retries, deadline, …
 */

/**
 * One event of a job's stream.
 *
 * @typedef {object} JobEvent
 * @property {string} id the cursor after it
 * @property {string} event `chunk` for one of chat's; the type of one of a response's, such as
 *   `response.output_text.delta`; else `attempt`, `whole` or `end`
 * @property {string} data as the provider wrote it, to the byte
 */

export class Streamhold {
  #base;
  #headers;
  #settings;

  /** @param {ClientOptions} options */
  constructor({ baseURL, apiKey, headers, ...options }) {
    this.#base = baseURL.replace(/\/+$/, "");
    this.#headers = new Headers(headers);
    if (apiKey !== undefined) this.#headers.set("authorization", `Bearer ${apiKey}`);
    this.#settings = settled(options);
  }

  /**
   * Make a job, without waiting for it. The same id with the same request is the same job.
   *
   * @param {Submission} submission
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Job>}
   */
  async submit({ request, requestId = newKey(), dialect = "chat", ...more }, options) {
    const body = { request_id: requestId, dialect, request, ...more };
    return this.#json("POST", "/jobs", "The job was not taken", { ...options, body });
  }

  /**
   * @param {string} requestId
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Job>}
   */
  async get(requestId, options) {
    return this.#json("GET", this.#path(requestId), "There is no such job", { ...options });
  }

  /**
   * The provider's connection is closed within a second. A job that has ended stays as it is.
   *
   * @param {string} requestId
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Job>}
   */
  async cancel(requestId, options) {
    const path = this.#path(requestId, "/cancel");
    return this.#json("POST", path, "The job was not cancelled", { ...options });
  }

  /**
   * The whole answer, once there is one.
   *
   * @param {string} requestId
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<any>} in the job's own dialect
   * @throws {import("./errors.js").StreamholdError} the job failed, was cancelled, or is not there
   */
  async result(requestId, options) {
    const path = this.#path(requestId, `/result?wait=${WAIT}`);
    for (;;) {
      const response = await this.#answer("GET", path, { ...options });
      if (response.status === 200) return response.json();
      if (response.status !== 202) throw await refusal("There is no result", response);
    }
  }

  /**
   * A job's events up to its `end`, which is the last one, over as many connections as it takes.
   * To leave the loop is to close the connection.
   *
   * @param {string} requestId
   * @param {{after?: string | number, signal?: AbortSignal}} [options] `after`: a cursor, the `id`
   *   of the last event that is known already
   * @returns {AsyncGenerator<JobEvent, void, void>}
   */
  async *events(requestId, { after, signal } = {}) {
    const call = this.#call("GET", this.#path(requestId, "/events"), { signal });
    call.headers.set("accept", "text/event-stream");
    if (after !== undefined) call.headers.set("last-event-id", String(after));
    const { fetch, ...limits } = this.#settings;
    const exchange = new Exchange({ ...call, dialect: "native" }, fetch, limits);
    const response = await exchange.open();
    if (response.status === 204) return;
    if (!isEventStream(response)) throw await refusal("There are no events", response);
    try {
      for await (const blocks of exchange.follow(response)) {
        for (const { event } of blocks) {
          const { id, type, data } = event;
          if (data !== undefined) yield { id: id ?? "", event: type || "chunk", data };
        }
      }
    } finally {
      exchange.close();
    }
  }

  /** @param {string} requestId @param {string} [rest] */
  #path(requestId, rest = "") {
    return `/jobs/${encodeURIComponent(requestId)}${rest}`;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{body?: unknown, signal?: AbortSignal | undefined}} options
   * @returns {Call}
   */
  #call(method, path, { body, signal }) {
    const headers = new Headers(this.#headers);
    if (body !== undefined) headers.set("content-type", "application/json");
    const text = body === undefined ? undefined : JSON.stringify(body);
    return {
      dialect: undefined,
      url: this.#base + path,
      method,
      headers,
      body: text,
      text: text ?? "",
      more: {},
      signal,
    };
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{body?: unknown, signal?: AbortSignal}} options
   */
  async #answer(method, path, options) {
    const call = this.#call(method, path, options);
    return new Exchange(call, this.#settings.fetch, this.#settings).open();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {string} failing
   * @param {{body?: unknown, signal?: AbortSignal}} options
   */
  async #json(method, path, failing, options) {
    const response = await this.#answer(method, path, options);
    if (!response.ok) throw await refusal(failing, response);
    return response.json();
  }
}

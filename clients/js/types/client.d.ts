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
    /** @param {ClientOptions} options */
    constructor({ baseURL, apiKey, headers, ...options }: ClientOptions);
    /**
     * Make a job, without waiting for it. The same id with the same request is the same job.
     *
     * @param {Submission} submission
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<Job>}
     */
    submit({ request, requestId, dialect, ...more }: Submission, options?: {
        signal?: AbortSignal;
    }): Promise<Job>;
    /**
     * @param {string} requestId
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<Job>}
     */
    get(requestId: string, options?: {
        signal?: AbortSignal;
    }): Promise<Job>;
    /**
     * The provider's connection is closed within a second. A job that has ended stays as it is.
     *
     * @param {string} requestId
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<Job>}
     */
    cancel(requestId: string, options?: {
        signal?: AbortSignal;
    }): Promise<Job>;
    /**
     * The whole answer, once there is one.
     *
     * @param {string} requestId
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<any>} in the job's own dialect
     * @throws {import("./errors.js").StreamholdError} the job failed, was cancelled, or is not there
     */
    result(requestId: string, options?: {
        signal?: AbortSignal;
    }): Promise<any>;
    /**
     * A job's events up to its `end`, which is the last one, over as many connections as it takes.
     * To leave the loop is to close the connection.
     *
     * @param {string} requestId
     * @param {{after?: string | number, signal?: AbortSignal}} [options] `after`: a cursor, the `id`
     *   of the last event that is known already
     * @returns {AsyncGenerator<JobEvent, void, void>}
     */
    events(requestId: string, { after, signal }?: {
        after?: string | number;
        signal?: AbortSignal;
    }): AsyncGenerator<JobEvent, void, void>;
    #private;
}
export type OwnOptions = {
    /**
     * as SDKs take it: `http://127.0.0.1:8080/v1`
     */
    baseURL: string;
    apiKey?: string;
    /**
     * sent with every request
     */
    headers?: Record<string, string>;
};
export type ClientOptions = OwnOptions & Omit<ResumingOptions, "retryWindow">;
/**
 * A job, as the protocol describes it.
 */
export type Job = {
    object: "job";
    request_id: string;
    state: "queued" | "running" | "completed" | "failed" | "cancelled";
    dialect: string;
    model: string;
    /**
     * Unix seconds
     */
    created_at: number;
    started_at: number | null;
    ended_at: number | null;
    /**
     * the stream's last sequence number
     */
    cursor: number;
    /**
     * whether any part of the answer is in the stream
     */
    delivered: boolean;
    attempts: Record<string, unknown>[];
    usage: Record<string, unknown> | null;
    error: Record<string, unknown> | null;
    metadata: Record<string, unknown> | null;
    options: Record<string, unknown>;
    deadline_at: number | null;
    links: Record<string, string>;
};
export type Submission = {
    /**
     * what the dialect's own endpoint would be sent
     */
    request: Record<string, unknown>;
    /**
     * default: one of our own making
     */
    requestId?: string;
    /**
     * default `chat`
     */
    dialect?: string;
    metadata?: Record<string, unknown>;
    /**
     * narrows the job: targets, retries, deadline, …
     */
    options?: Record<string, unknown>;
};
/**
 * One event of a job's stream.
 */
export type JobEvent = {
    /**
     * the cursor after it
     */
    id: string;
    /**
     * `chunk` for one of chat's; the type of one of a response's, such as
     * `response.output_text.delta`; else `attempt`, `whole` or `end`
     */
    event: string;
    /**
     * as the provider wrote it, to the byte
     */
    data: string;
};
import type { ResumingOptions } from "./fetch.js";

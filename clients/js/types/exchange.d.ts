/**
 * @typedef {object} Limits
 * @property {number} patience milliseconds without progress until a loss is passed on
 * @property {number} idle milliseconds of silence after which a stream counts as lost; 0 is never
 */
export class Exchange {
    /**
     * @param {Call} call
     * @param {Fetch} fetch
     * @param {Limits} limits
     */
    constructor(call: Call, fetch: Fetch, { patience, idle }: Limits);
    /** Whether the caller has left. */
    get left(): boolean;
    /**
     * Close whatever is open, at once.
     * @param {unknown} [reason] the error that a reader gets
     */
    close(reason?: unknown): void;
    /**
     * Make the call; again, if no answer comes or the server says "not now".
     *
     * @returns {Promise<Response>} a stream as it begins; anything else whole
     * @throws the error of the first connection, once patience has run out
     */
    open(): Promise<Response>;
    /**
     * The stream's blocks, those of one arrival together.
     *
     * @param {Response} response from `open`
     * @returns {AsyncGenerator<Block[], void, void>}
     */
    follow(response: Response): AsyncGenerator<Block[], void, void>;
    #private;
}
export type Limits = {
    /**
     * milliseconds without progress until a loss is passed on
     */
    patience: number;
    /**
     * milliseconds of silence after which a stream counts as lost; 0 is never
     */
    idle: number;
};
import type { Block } from "./sse.js";
import type { Call } from "./call.js";
import type { Fetch } from "./call.js";

/**
 * @param {string} doing what was refused, for the message
 * @param {Response} response
 * @param {ErrorOptions} [options]
 * @returns {Promise<StreamholdError>}
 */
export function refusal(doing: string, response: Response, options?: ErrorOptions): Promise<StreamholdError>;
/**
 * What goes wrong, beyond the errors of `fetch` itself, which are passed on as they are.
 *
 * @module
 */
/** The server answered with a status that ends the matter. */
export class StreamholdError extends Error {
    /**
     * @param {string} message
     * @param {number} status the HTTP status
     * @param {unknown} [body] what the server said: an object if it was JSON, else text
     * @param {ErrorOptions} [options]
     */
    constructor(message: string, status: number, body?: unknown, options?: ErrorOptions);
    /** The HTTP status. */
    status: number;
    /** What the server said: an object if it was JSON, else text. */
    body: unknown;
    /**
     * The error's code in the protocol, such as `job_not_found`; null if there is none.
     * @type {string | null}
     */
    code: string | null;
}

/**
 * What has to be known of a response before it is read, and one with another body.
 *
 * @module
 */
/** @param {Response} response */
export function isEventStream({ ok, body, headers }: Response): boolean;
/**
 * @param {Response} response
 * @param {BodyInit} body in place of its own
 * @returns {Response}
 */
export function rebuilt(response: Response, body: BodyInit): Response;

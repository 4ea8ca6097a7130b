/**
 * What has to be known of a response before it is read, and one with another body.
 *
 * @module
 */

/** @param {Response} response */
export function isEventStream({ ok, body, headers }) {
  return ok && body !== null && /^text\/event-stream\b/i.test(headers.get("content-type") ?? "");
}

/**
 * @param {Response} response
 * @param {BodyInit} body in place of its own
 * @returns {Response}
 */
export function rebuilt(response, body) {
  const { status, statusText, headers, url, redirected } = response;
  const empty = status === 204 || status === 205 || status === 304;
  const made = new Response(empty ? null : body, { status, statusText, headers });
  return Object.defineProperties(made, { url: { value: url }, redirected: { value: redirected } });
}

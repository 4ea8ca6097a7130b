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
  constructor(message, status, body, options) {
    super(message, options);
    this.name = "StreamholdError";
    /** The HTTP status. */
    this.status = status;
    /** What the server said: an object if it was JSON, else text. */
    this.body = body;
    /**
     * The error's code in the protocol, such as `job_not_found`; null if there is none.
     * @type {string | null}
     */
    this.code = codeIn(body);
  }
}

/**
 * @param {string} doing what was refused, for the message
 * @param {Response} response
 * @param {ErrorOptions} [options]
 * @returns {Promise<StreamholdError>}
 */
export async function refusal(doing, response, options) {
  const text = await response.text().catch(() => "");
  /** @type {any} */
  let body = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Text will do.
  }
  const said = body?.error?.message ?? body?.detail ?? body?.title ?? text.slice(0, 200);
  const { status } = response;
  const message = `${doing}: HTTP ${status}${said ? `: ${said}` : ""}`;
  return new StreamholdError(message, status, body, options);
}

/**
 * @param {any} body
 * @returns {string | null}
 */
function codeIn(body) {
  const code = body?.error?.code ?? body?.code ?? body?.error?.type ?? null;
  return typeof code === "string" ? code : null;
}

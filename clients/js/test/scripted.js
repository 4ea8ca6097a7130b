/**
 * A server in place of `fetch`: it holds numbered streams, and meets its end as a script says.
 */

const encoder = new TextEncoder();

export const CHAT = "http://broker.test/v1/chat/completions";

/** @param {unknown} body */
export const posted = (body = { model: "m", stream: true, messages: [] }, headers = {}) => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

/** Chat events with the ids 1 to `count` and a terminal. */
export function chatEvents(count = 3, end = "\n") {
  const events = Array.from({ length: count }, (_, n) => {
    const finish_reason = n + 1 === count ? "stop" : null;
    const choices = [{ index: 0, delta: { content: `w${n}é ` }, finish_reason }];
    return `id: ${n + 1}\ndata: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices })}\n\n`;
  });
  events.push(`id: ${count + 1}\ndata: [DONE]\n\n`);
  return events.map((event) => event.replaceAll("\n", end));
}

/** A body that gives these pieces, one a read, and then closes, breaks or hangs. */
export function bodyOf(pieces, end = "close") {
  const left = pieces.map((piece) => (typeof piece === "string" ? encoder.encode(piece) : piece));
  const seen = { pulled: 0, cancelled: false };
  const stream = new ReadableStream(
    {
      pull(controller) {
        seen.pulled++;
        const piece = left.shift();
        if (piece) controller.enqueue(piece);
        else if (end === "close") controller.close();
        else if (end === "break") controller.error(new TypeError("terminated"));
        else return new Promise(() => {});
        return undefined;
      },
      cancel() {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, seen };
}

export const sse = (body, headers = {}) =>
  new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8", ...headers } });

/**
 * A server of one stream. Each answer is one of the script's, the last of them over and over:
 * `{bytes, end}` sends so many bytes of what was asked for, a number refuses with that status,
 * "lost" breaks the connection without an answer, a function makes the response itself.
 */
export function server(events, script, { pieces = 1, echo = true } = {}) {
  const calls = [];
  const bodies = [];
  const fetch = async (url, init) => {
    const headers = new Headers(init.headers);
    calls.push({ url: String(url), method: init.method, headers, body: init.body });
    const step = script[Math.min(calls.length, script.length) - 1];
    if (step === "lost") throw new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
    if (typeof step === "number") return refusal(step);
    if (typeof step === "function") return step(init);
    const after = Number(headers.get("last-event-id") ?? 0);
    const rest = encoder.encode(events.slice(after).join(""));
    const sent = rest.subarray(0, step.bytes ?? rest.length);
    const { stream, seen } = bodyOf(cutInto(sent, pieces), step.end);
    bodies.push(seen);
    return sse(stream, echo ? { "x-request-id": headers.get("idempotency-key") ?? "" } : {});
  };
  return { fetch, calls, bodies, keys: () => calls.map((c) => c.headers.get("idempotency-key")) };
}

export function refusal(status, headers = {}, body = { error: { message: "no", code: "nope" } }) {
  const kind = { "content-type": "application/json" };
  return new Response(JSON.stringify(body), { status, headers: { ...kind, ...headers } });
}

function cutInto(bytes, count) {
  const size = Math.max(1, Math.ceil(bytes.length / count));
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
  return pieces;
}

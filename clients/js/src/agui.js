/**
 * A `fetch` for clients that speak AG-UI, such as TanStack AI's `fetchServerSentEvents`: their
 * runs become chat calls, and the chunks that come back the events they know.
 *
 * The client resumes by itself, with `Last-Event-ID`: the ids are the server's, unchanged. A run is
 * a job, and its id the request id, so a run that is sent or joined again is one provider call.
 *
 * @module
 */

import { isEventStream } from "./response.js";
import { Splitter } from "./sse.js";

/** @import { Fetch } from "./call.js" */
/** @import { ParsedEvent } from "./sse.js" */

/**
 * @typedef {object} AgUiOptions
 * @property {string} baseURL of the server, with `/v1`
 * @property {string} model a route, or `PROVIDER/MODEL`
 * @property {Record<string, unknown>} [request] further fields of the chat request
 * @property {Fetch} [fetch] what makes the requests; default: the global `fetch`
 */

/**
 * @typedef {object} Run
 * @property {string} runId
 * @property {string} threadId
 * @property {boolean} begun
 * @property {string | undefined} message the id of the text, once it has begun
 * @property {Map<number, string>} calls the ids of tool calls, by their index
 * @property {string | null} finish
 */

/**
 * @param {AgUiOptions} options
 * @returns {Fetch}
 */
export function agUiFetch({ baseURL, model, request = {}, fetch }) {
  /** @type {Map<string, Run>} */
  const runs = new Map();
  /** @type {Fetch} */
  const send = fetch ?? ((input, init) => globalThis.fetch(input, init));

  return async (input, init = {}) => {
    const asked = init.method === "POST" ? JSON.parse(String(init.body)) : undefined;
    const query = asked ? undefined : new URL(String(input), "http://any").searchParams;
    const runId = asked ? asked.runId : query?.get("runId");
    if (!runId) return send(input, init);
    const headers = new Headers(init.headers);
    const resumes = headers.has("last-event-id");
    const known = resumes ? runs.get(runId) : undefined;
    const run = known ?? begun(runId, asked?.threadId ?? "");
    runs.set(runId, run);
    headers.delete("x-run-id");
    let url = `${baseURL}/jobs/${encodeURIComponent(runId)}/events?view=dialect`;
    /** @type {RequestInit} */
    const call = { method: "GET", headers, signal: init.signal ?? null };
    if (asked) {
      url = `${baseURL}/chat/completions`;
      headers.set("idempotency-key", runId);
      call.method = "POST";
      call.body = JSON.stringify({ ...request, ...chatOf(asked), model, stream: true });
    }
    const response = await send(url, call);
    // Taken for a passing fault as a lost connection is, not for the run's end.
    if (resumes && response.status === 503) throw new TypeError("The server is not ready");
    if (!isEventStream(response) || !response.body) return response;
    const events = translated(response.body, run, () => runs.delete(runId));
    const id = response.headers.get("x-request-id") ?? runId;
    return new Response(events, {
      headers: { "content-type": "text/event-stream", "x-request-id": id },
    });
  };
}

/** @type {(runId: string, threadId: string) => Run} */
const begun = (runId, threadId) => ({
  runId,
  threadId,
  begun: false,
  message: undefined,
  calls: new Map(),
  finish: null,
});

/**
 * A run's input as a chat request's messages and tools.
 * @param {any} input
 */
function chatOf({ messages, tools }) {
  const functions = (tools ?? []).map((/** @type {any} */ { name, description, parameters }) => ({
    type: "function",
    function: { name, description, parameters },
  }));
  return {
    messages: messages.flatMap(messageOf),
    ...(functions.length > 0 && { tools: functions }),
  };
}

/** @param {any} message */
function messageOf({ role, content, toolCalls, toolCallId }) {
  if (role === "tool") return [{ role, tool_call_id: toolCallId, content }];
  if (role === "assistant" && toolCalls?.length) {
    const calls = toolCalls.map((/** @type {any} */ call) => ({
      id: call.id,
      type: "function",
      function: { name: call.function.name, arguments: call.function.arguments },
    }));
    return [{ role, content: content || null, tool_calls: calls }];
  }
  return role === "reasoning" ? [] : [{ role, content: content ?? "" }];
}

/**
 * The body in the run's events. Nothing is read ahead of its reader: what was translated has been
 * delivered when the connection is lost, so that the run's state is the reader's.
 *
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @param {Run} run
 * @param {() => void} ended
 */
function translated(body, run, ended) {
  const reader = body.getReader();
  const splitter = new Splitter();
  const encoder = new TextEncoder();
  return new ReadableStream(
    {
      async pull(controller) {
        if (!run.begun) {
          // Under the cursor of the start: with an id from the first, the client always resumes.
          run.begun = true;
          const { runId, threadId } = run;
          const started = { type: "RUN_STARTED", runId, threadId };
          const first = { ...NOTHING, id: "0" };
          return controller.enqueue(encoder.encode(written(first, [started])));
        }
        for (;;) {
          const { value, done } = await reader.read();
          if (done) return controller.close();
          const blocks = splitter.push(value).filter(({ event }) => event.data !== undefined);
          const text = blocks.map(({ event }) => written(event, told(event, run))).join("");
          if (blocks.some(({ event }) => isEnd(event))) ended();
          if (text) return controller.enqueue(encoder.encode(text));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** @type {ParsedEvent} */
const NOTHING = { id: undefined, type: "", data: undefined, retry: undefined };

/** @type {(event: ParsedEvent) => boolean} */
const isEnd = ({ type, data }) => type === "error" || data === "[DONE]";

/**
 * Events on the wire; the last of them has the id, for only then has all of it been said.
 * @param {ParsedEvent} event
 * @param {object[]} events
 */
function written({ id }, events) {
  const last = events.length - 1;
  return events
    .map((each, place) => {
      const line = place === last && id !== undefined ? `id: ${id}\n` : "";
      return `${line}data: ${JSON.stringify(each)}\n\n`;
    })
    .join("");
}

/**
 * What an event of the chat view comes to. Of several choices the first is passed on.
 * @param {ParsedEvent} event
 * @param {Run} run
 * @returns {object[]}
 */
function told(event, run) {
  if (event.data === "[DONE]") return ends(run);
  const chunk = JSON.parse(event.data ?? "{}");
  if (event.type === "error") {
    const { message, code, type } = chunk.error;
    const { runId, threadId } = run;
    return [{ type: "RUN_ERROR", message, code: code ?? type, runId, threadId }];
  }
  const choice = chunk.choices?.find((/** @type {any} */ each) => (each.index ?? 0) === 0);
  run.finish = choice?.finish_reason ?? run.finish;
  return said(choice?.delta ?? {}, chunk.id, run);
}

/** @type {(delta: any, messageId: string, run: Run) => object[]} */
function said({ content, tool_calls }, messageId, run) {
  const events = [];
  if (content) {
    if (!run.message) events.push({ type: "TEXT_MESSAGE_START", messageId, role: "assistant" });
    run.message ??= messageId;
    events.push({ type: "TEXT_MESSAGE_CONTENT", messageId: run.message, delta: content });
  }
  for (const { index = 0, id, function: called } of tool_calls ?? []) {
    if (id && !run.calls.has(index)) {
      run.calls.set(index, id);
      const toolCallName = called.name;
      const more = { parentMessageId: run.message ?? messageId };
      events.push({ type: "TOOL_CALL_START", toolCallId: id, toolCallName, ...more });
    }
    const delta = called?.arguments;
    if (delta) events.push({ type: "TOOL_CALL_ARGS", toolCallId: run.calls.get(index), delta });
  }
  return events;
}

/** @type {(run: Run) => object[]} */
function ends({ runId, threadId, message, calls, finish }) {
  const metadata = { tanstack: { finishReason: finish ?? "stop" } };
  return [
    ...(message ? [{ type: "TEXT_MESSAGE_END", messageId: message }] : []),
    ...[...calls.values()].map((toolCallId) => ({ type: "TOOL_CALL_END", toolCallId })),
    { type: "RUN_FINISHED", runId, threadId, metadata },
  ];
}

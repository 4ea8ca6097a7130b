/** SSE clients as their users write them: id, event and data of each event, until `end`. */
import { Client } from "@langchain/langgraph-sdk";
import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";

const NAMED = ["attempt", "whole", "end"];

/** @returns {Promise<string[][]>} id, event and data of each event, as `eventsource` tells them */
export function byEventSource(url) {
  return new Promise((resolve) => {
    const seen = [];
    const source = new EventSource(url);
    const take = ({ lastEventId, type, data }) => {
      seen.push([lastEventId, type === "message" ? "chunk" : type, data]);
      if (type !== "end") return;
      source.close();
      resolve(seen);
    };
    for (const name of ["message", ...NAMED]) source.addEventListener(name, take);
  });
}

/** The same by Microsoft's client. It is written for pages: Node must look like one. */
export async function byFetchEventSource(url, fetch = globalThis.fetch, noted = () => {}) {
  globalThis.window ??= globalThis;
  globalThis.document ??= new EventTarget();
  const seen = [];
  const controller = new AbortController();
  const onmessage = (message) => {
    const { id, event, data } = message;
    noted(message);
    if (event === "retry") return;
    seen.push([id, event || "chunk", data]);
    if (event === "end") controller.abort();
  };
  // A clean end is a loss, too: a server that stops ends its connections so.
  const onclose = () => {
    throw new Error("ended without its terminal");
  };
  const onerror = () => 50; // milliseconds until the next try
  const openWhenHidden = true;
  await fetchEventSource(url, {
    onmessage,
    onclose,
    onerror,
    openWhenHidden,
    signal: controller.signal,
    fetch,
  });
  return seen;
}

/**
 * What it loses by itself it does not with a fetch that sends a cursor of whole events only: the
 * caller's own, which moves with `onmessage`.
 */
export function byFetchEventSourceWithItsOwnCursor(url) {
  let last;
  const fetch = (input, init) => {
    const headers = { ...init.headers };
    delete headers["last-event-id"];
    if (last !== undefined) headers["last-event-id"] = last;
    return globalThis.fetch(input, { ...init, headers });
  };
  return byFetchEventSource(url, fetch, ({ id }) => (last = id));
}

/** By the streams of langgraph-sdk: it goes on at the `Location` of the answer, by itself. */
export async function byLanggraph(url) {
  const { origin, pathname } = new URL(url);
  const seen = [];
  const { runs } = new Client({ apiUrl: origin });
  for await (const { id, event, data } of runs.streamWithRetry({ endpoint: pathname })) {
    if (event !== "retry") seen.push([id, event || "chunk", JSON.stringify(data)]);
  }
  return seen;
}

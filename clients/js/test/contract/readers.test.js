/** SSE clients that resume by themselves, against a job's own events, cut and kept alive. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";

import { resumingFetch, Streamhold } from "../../src/index.js";
import { BASE, cuttingProxy, prompt, providerCalls, user } from "./broker.js";

const SLOW = "sim/tokens=8,interval=1ms,ttft=700ms"; // keep-alives come before the first token
const BRISK = "sim/tokens=25,interval=20ms";
const NAMED = ["attempt", "whole", "end"];

const client = new Streamhold({ baseURL: BASE });

/** @returns {Promise<string[][]>} id, event and data of each event, as `eventsource` tells them */
function byEventSource(url) {
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
async function byFetchEventSource(url, fetch = globalThis.fetch) {
  globalThis.window ??= globalThis;
  globalThis.document ??= new EventTarget();
  const seen = [];
  const controller = new AbortController();
  const onmessage = ({ id, event, data }) => {
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

/** What it loses by itself, it does not where our fetch is under it. */
const byFetchEventSourceOverOurs = (url) => byFetchEventSource(url, resumingFetch());

async function byOurs(url) {
  const [base, id] = url.split("/jobs/");
  const seen = [];
  const events = new Streamhold({ baseURL: base }).events(id.replace("/events", ""));
  for await (const event of events) seen.push([event.id, event.event, event.data]);
  return seen;
}

for (const read of [byEventSource, byFetchEventSource, byFetchEventSourceOverOurs, byOurs]) {
  // Microsoft's takes an id for its cursor as soon as that line has come, not with the event's
  // end: an event that is cut behind its id is lost to it. So it is cut between events only.
  const within = read !== byFetchEventSource;

  test(`${read.name}: cut after k events, every event once and in order`, async (t) => {
    // Each has seconds of pauses between two tries, so all of the cuts run at once.
    const runs = [1, 4, 11].map(async (after) => {
      const content = prompt(`reader-${after}`);
      const request = { model: BRISK, messages: user(content) };
      await client.submit({ requestId: content, request });
      const proxy = await cuttingProxy(t, { after, cuts: 2, within });
      const seen = await read(`${proxy.base}/jobs/${content}/events`);
      assert.equal(proxy.cuts, 2);
      assert.deepEqual(seen, await byOurs(`${BASE}/jobs/${content}/events`));
      assert.equal(seen.at(-1)[1], "end");
      assert.equal(await providerCalls(content), 1);
        });
    await Promise.all(runs);
  });

  test(`${read.name}: keep-alives are no events`, async (t) => {
    const content = prompt("pings");
    await client.submit({ requestId: content, request: { model: SLOW, messages: user(content) } });
    const proxy = await cuttingProxy(t, { after: Infinity, cuts: 0 });
    const seen = await read(`${proxy.base}/jobs/${content}/events`);
    assert.ok(proxy.pings > 0);
    assert.deepEqual(seen, await byOurs(`${BASE}/jobs/${content}/events`));
    });
}

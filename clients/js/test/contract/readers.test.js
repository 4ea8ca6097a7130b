/** SSE clients that resume by themselves, against a job's own events, cut and kept alive. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { resumingFetch, Streamhold } from "../../src/index.js";
import { BASE, cuttingProxy, prompt, providerCalls, user } from "./broker.js";
import {
  byEventSource,
  byFetchEventSource,
  byFetchEventSourceWithItsOwnCursor,
  byLanggraph,
} from "./readers.js";

const SLOW = "sim/tokens=8,interval=1ms,ttft=700ms"; // keep-alives come before the first token
const BRISK = "sim/tokens=25,interval=20ms";

const client = new Streamhold({ baseURL: BASE });

/** What fetch-event-source loses by itself, it does not where our fetch is under it. */
const byFetchEventSourceOverOurs = (url) => byFetchEventSource(url, resumingFetch());

async function byOurs(url) {
  const [base, id] = url.split("/jobs/");
  const seen = [];
  const events = new Streamhold({ baseURL: base }).events(id.replace("/events", ""));
  for await (const event of events) seen.push([event.id, event.event, event.data]);
  return seen;
}

const readers = [
  byEventSource,
  byFetchEventSource,
  byFetchEventSourceOverOurs,
  byFetchEventSourceWithItsOwnCursor,
  byLanggraph,
  byOurs,
];

/** JSON as each client gives it: langgraph-sdk parses it. */
const alike = (events) => events.map(([id, event, data]) => [id, event, JSON.parse(data)]);

for (const read of readers) {
  // Microsoft's takes an id for its cursor as soon as that line has come, not with the event's
  // end: an event that is cut behind its id is lost to it. So it is cut between events only.
  const within = read !== byFetchEventSource;

  test(`${read.name}: cut after k events, every event once and in order`, async (t) => {
    // Each has seconds of pauses between two tries, so all of the cuts run at once.
    const runs = [1, 4, 11].map(async (after) => {
      const content = prompt(`reader-${after}`);
      const request = { model: BRISK, messages: user(content) };
      await client.submit({ requestId: content, request });
      const cuts = read === byLanggraph ? 1 : 2; // its pauses double, whatever came between
      const proxy = await cuttingProxy(t, { after, cuts, within });
      const seen = await read(`${proxy.base}/jobs/${content}/events`);
      assert.equal(proxy.cuts, cuts);
      assert.deepEqual(alike(seen), alike(await byOurs(`${BASE}/jobs/${content}/events`)));
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
    assert.deepEqual(alike(seen), alike(await byOurs(`${BASE}/jobs/${content}/events`)));
    assert.equal(await providerCalls(content), 1);
    });
}

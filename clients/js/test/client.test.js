/** The native client over a scripted server. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Streamhold, StreamholdError } from "../src/index.js";
import { refusal, server, sse } from "./scripted.js";

const EVENTS = [
  'id: 1\nevent: attempt\ndata: {"number":1}\n\n',
  'id: 2\ndata: {"choices":[]}\n\n',
  'id: 3\nevent: end\ndata: {"state":"completed"}\n\n',
];
const JOB = { object: "job", request_id: "j", state: "queued" };

function clientOf(events, script) {
  const scripted = server(events, script);
  const client = new Streamhold({
    baseURL: "http://broker.test/v1/",
    apiKey: "k",
    fetch: scripted.fetch,
    patience: 2000,
  });
  return { scripted, client };
}

async function listed(iterator) {
  const events = [];
  for await (const event of iterator) events.push(event);
  return events;
}

test("submit sends one id, however often it takes", async () => {
  const { scripted, client } = clientOf([], ["lost", () => Response.json(JOB, { status: 202 })]);
  const job = await client.submit({ request: { model: "m" }, metadata: { a: 1 } });
  assert.equal(job.state, "queued");
  const [first, second] = scripted.calls.map(({ body }) => body);
  assert.equal(first, second);
  const sent = JSON.parse(first);
  assert.match(sent.request_id, /^js-[0-9a-f]{32}$/);
  assert.deepEqual({ ...sent, request_id: 0 }, {
    request_id: 0,
    dialect: "chat",
    request: { model: "m" },
    metadata: { a: 1 },
  });
  assert.equal(scripted.calls[0].headers.get("authorization"), "Bearer k");
});

test("events come once each, over losses, refusals of the moment and a server that stops", async () => {
  const stopping = () => sse(`${EVENTS[0]}event: retry\nretry: 1\nid: 1\ndata: {}\n\n`);
  const { scripted, client } = clientOf(EVENTS, ["lost", stopping, 503, { bytes: 5, end: "break" }, {}]);
  const events = await listed(client.events("j"));
  assert.deepEqual(events, [
    { id: "1", event: "attempt", data: '{"number":1}' },
    { id: "2", event: "chunk", data: '{"choices":[]}' },
    { id: "3", event: "end", data: '{"state":"completed"}' },
  ]);
  assert.deepEqual(
    scripted.calls.map(({ headers }) => headers.get("last-event-id")),
    [null, null, "1", "1", "1"],
  );
});

test("events after a cursor; none after the last", async () => {
  const { client } = clientOf(EVENTS, [{}, () => new Response(null, { status: 204 })]);
  assert.deepEqual((await listed(client.events("j", { after: 1 }))).map(({ id }) => id), ["2", "3"]);
  assert.deepEqual(await listed(client.events("j", { after: "3" })), []);
});

test("leaving the loop closes the connection", async () => {
  const { scripted, client } = clientOf(EVENTS, [{ bytes: 60, end: "hang" }]);
  for await (const event of client.events("j")) {
    assert.equal(event.event, "attempt");
    break;
  }
  assert.ok(scripted.bodies[0].cancelled);
});

test("a signal ends the wait for an event", async () => {
  const { client } = clientOf(EVENTS, [{ bytes: 60, end: "hang" }]);
  const controller = new AbortController();
  const events = client.events("j", { signal: controller.signal });
  await events.next();
  const next = events.next();
  controller.abort();
  await assert.rejects(next, { name: "AbortError" });
});

test("result asks until there is one", async () => {
  const answer = { choices: [] };
  const running = () => Response.json(JOB, { status: 202 });
  const { scripted, client } = clientOf([], [running, "lost", () => Response.json(answer)]);
  assert.deepEqual(await client.result("a/b"), answer);
  assert.equal(scripted.calls[0].url, "http://broker.test/v1/jobs/a%2Fb/result?wait=30");
});

test("refusals say what the server said", async () => {
  const problem = { title: "There is no such job", code: "job_not_found", detail: "No job j" };
  const { client } = clientOf([], [() => refusal(404, {}, problem)]);
  for (const asking of [() => client.get("j"), () => client.cancel("j"), () => client.result("j")]) {
    await assert.rejects(asking(), (error) => {
      assert.ok(error instanceof StreamholdError);
      assert.deepEqual([error.status, error.code, error.body], [404, "job_not_found", problem]);
      assert.match(error.message, /No job j/);
      return true;
    });
  }
  await assert.rejects(listed(client.events("j")), { status: 404 });
});

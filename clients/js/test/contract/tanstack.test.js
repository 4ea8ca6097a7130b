/** TanStack AI's client over `agUiFetch`: it comes again by itself, with the id it saw last. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatClient, fetchServerSentEvents } from "@tanstack/ai-client";

import { agUiFetch } from "../../src/index.js";
import { BASE, cuttingProxy, prompt, providerCalls } from "./broker.js";

function chatClient(baseURL, model, more = {}) {
  const reconnect = { delayMs: 20 };
  const fetchClient = agUiFetch({ baseURL, model, ...more.options });
  const errors = [];
  const client = new ChatClient({
    connection: fetchServerSentEvents(baseURL, { fetchClient, reconnect }),
    onError: (error) => errors.push(error.message),
    ...more.client,
  });
  return { client, errors };
}

const partsOf = ({ messages }, type) => messages.at(-1).parts.filter((part) => part.type === type);
const wordsOf = (client) => partsOf({ messages: client.getMessages() }, "text")[0].content.trim().split(" ");

for (const after of [1, 4, 9]) {
  test(`cut after every ${after} events, it resumes: each word once, one provider call`, async (t) => {
    const content = prompt("tanstack");
    const proxy = await cuttingProxy(t, { after, cuts: 3 });
    const { client, errors } = chatClient(proxy.base, "sim/tokens=30,interval=10ms");
    await client.sendMessage(content);
    assert.deepEqual(errors, []);
    assert.equal(proxy.cuts, 3);
    assert.equal(wordsOf(client).length, 30);
    assert.equal(await providerCalls(content), 1);
  });
}

test("a tool call, cut within its arguments, is whole", async (t) => {
  const content = prompt("tanstack-tool");
  const proxy = await cuttingProxy(t, { after: 2, cuts: 3 });
  const { client, errors } = chatClient(proxy.base, "sim/tokens=9,interval=10ms,parallel=2");
  await client.sendMessage(content);
  assert.deepEqual(errors, []);
  assert.equal(proxy.cuts, 3);
  const calls = partsOf({ messages: client.getMessages() }, "tool-call");
  assert.deepEqual(calls.map(({ name }) => name), ["lookup", "lookup"]);
  for (const call of calls) assert.equal(JSON.parse(call.arguments).query.trim().split(" ").length, 9);
  assert.equal(await providerCalls(content), 1);
});

test("what the client has is sent: the turns before, tools and their results", async () => {
  const sent = [];
  const fetch = (url, init) => {
    sent.push(JSON.parse(init.body));
    return globalThis.fetch(url, init);
  };
  const content = prompt("tanstack-turns");
  const options = { fetch, request: { max_tokens: 3 } };
  const { client, errors } = chatClient(BASE, "sim/tokens=5,interval=1ms", { options });
  await client.sendMessage(content);
  const said = wordsOf(client).join(" ");
  await client.sendMessage("and more");
  assert.deepEqual(errors, []);
  assert.equal(said.split(" ").length, 3);
  const [, { messages, max_tokens, stream }] = sent;
  assert.deepEqual([max_tokens, stream], [3, true]);
  assert.deepEqual(messages.map(({ role }) => role), ["user", "assistant", "user"]);
  assert.equal(messages[1].content.trim(), said);
});

test("a silence longer than the ping interval", async (t) => {
  const content = prompt("tanstack-silent");
  const proxy = await cuttingProxy(t, { after: Infinity, cuts: 0 });
  const { client, errors } = chatClient(proxy.base, "sim/tokens=3,interval=450ms");
  await client.sendMessage(content);
  assert.deepEqual(errors, []);
  assert.ok(proxy.pings > 0);
  assert.equal(wordsOf(client).length, 3);
  assert.equal(await providerCalls(content), 1);
});

test("refusals and failures are told, and not run again", async () => {
  for (const [model, calls, told] of [
    ["sim/status=400", 1, /400/],
    ["nowhere/x", 0, /404/],
    ["sim/tokens=9,interval=1ms,errorafter=4", 1, /failed on purpose/],
  ]) {
    const content = prompt("tanstack-fails");
    const { client, errors } = chatClient(BASE, model);
    await client.sendMessage(content);
    assert.equal(errors.length, 1);
    assert.match(errors[0], told);
    assert.equal(await providerCalls(content), calls);
  }
});

test("a run that was begun elsewhere is joined, cut or not", async (t) => {
  const content = prompt("tanstack-join");
  const model = "sim/tokens=30,interval=10ms";
  const proxy = await cuttingProxy(t, { after: 4, cuts: 2 });
  const connect = (baseURL) =>
    fetchServerSentEvents(baseURL, { fetchClient: agUiFetch({ baseURL, model }), reconnect: { delayMs: 20 } });
  const run = { threadId: "t", runId: prompt("run") };
  const read = async (chunks) => {
    const deltas = [];
    for await (const { type, delta } of chunks) if (type === "TEXT_MESSAGE_CONTENT") deltas.push(delta);
    return deltas.join("");
  };
  const message = { id: "m", role: "user", parts: [{ type: "text", content }] };
  const [text, joined] = await Promise.all([
    read(connect(BASE).connect([message], {}, undefined, run)),
    new Promise((resolve) => setTimeout(resolve, 50)).then(() => read(connect(proxy.base).joinRun(run.runId))),
  ]);
  assert.equal(proxy.cuts, 2);
  assert.equal(text.trim().split(" ").length, 30);
  assert.equal(joined, text);
  assert.equal(await providerCalls(content), 1);
});

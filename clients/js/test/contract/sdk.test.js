/** The official client over a real broker, by way of the resuming fetch. */
import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { zodFunction } from "openai/helpers/zod";
import { z } from "zod";

import { resumingFetch } from "../../src/index.js";
import { BASE, cuttingProxy, prompt, providerCalls, user } from "./broker.js";

const QUICK = "sim/tokens=12,interval=1ms";
const plain = new OpenAI({ baseURL: BASE, apiKey: "k", maxRetries: 0 });
const client = new OpenAI({ baseURL: BASE, apiKey: "k", fetch: resumingFetch() });

async function chunksOf(sdk, ask) {
  const chunks = [];
  for await (const chunk of await sdk.chat.completions.create({ ...ask, stream: true })) chunks.push(chunk);
  return chunks;
}

const textOf = (chunks) => chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");

test("text, streamed and whole, is what it is without the fetch", async () => {
  const ask = { model: `${QUICK},id=same,escape`, messages: user(prompt("text")) };
  const chunks = await chunksOf(client, ask);
  assert.deepEqual(chunks, await chunksOf(plain, ask));
  const answer = await client.chat.completions.create(ask);
  assert.equal(answer.choices[0].message.content, textOf(chunks));
});

test("the key comes back as the request id; two calls are two jobs", async () => {
  const content = prompt("ids");
  const ask = { model: QUICK, messages: user(content) };
  const ids = [await client.chat.completions.create(ask), await client.chat.completions.create(ask)];
  assert.match(ids[0]._request_id, /^js-/);
  assert.notEqual(ids[0]._request_id, ids[1]._request_id);
  assert.equal(await providerCalls(content), 2);
});

for (const after of [1, 4, 9]) {
  test(`cut after every ${after} events: the same chunks, one provider call`, async (t) => {
    const content = prompt("cut");
    const ask = { model: "sim/tokens=30,interval=10ms,obfuscation", messages: user(content) };
    const proxy = await cuttingProxy(t, { after, cuts: 3 });
    const fetch = resumingFetch();
    const cut = new OpenAI({ baseURL: proxy.base, apiKey: "k", fetch, maxRetries: 0 });
    const stream = await cut.chat.completions.create({ ...ask, stream: true }).withResponse();
    const chunks = [];
    for await (const chunk of stream.data) chunks.push(chunk);
    assert.equal(proxy.cuts, 3);
    const again = { headers: { "Idempotency-Key": stream.request_id } };
    const uncut = [];
    for await (const chunk of await plain.chat.completions.create({ ...ask, stream: true }, again)) uncut.push(chunk);
    assert.deepEqual(chunks, uncut);
    assert.equal(await providerCalls(content), 1);
    });
}

test("responses: cut, made and read again, they are the same; one provider call", async (t) => {
  const content = prompt("responses");
  const model = "sim-responses/tokens=30,interval=10ms";
  const proxy = await cuttingProxy(t, { after: 4, cuts: 4 });
  const cut = new OpenAI({ baseURL: proxy.base, apiKey: "k", fetch: resumingFetch() });
  const typed = async (stream) => {
    const events = [];
    for await (const event of stream) events.push(event);
    return events;
  };
  const made = await typed(await cut.responses.create({ model, input: content, stream: true }));
  assert.equal(proxy.cuts, 4);
  const { id } = made[0].response;
  const again = await cuttingProxy(t, { after: 4, cuts: 2 });
  const reader = new OpenAI({ baseURL: again.base, apiKey: "k", fetch: resumingFetch() });
  assert.deepEqual(await typed(await reader.responses.retrieve(id, { stream: true })), made);
  assert.equal(again.cuts, 2);
  assert.equal(made.at(-1).type, "response.completed");
  assert.equal(await providerCalls(content), 1);
});

async function messages(t, model, after) {
  const content = prompt("messages");
  const proxy = await cuttingProxy(t, { after, cuts: 4 });
  const baseURL = new URL(proxy.base).origin;
  const cut = new Anthropic({ baseURL, apiKey: "k", fetch: resumingFetch() });
  const stream = cut.messages.stream({ model, max_tokens: 99, messages: user(content) });
  const types = [];
  for await (const event of stream) types.push(event.type);
  assert.equal(proxy.cuts, 4);
  assert.equal(types.filter((type) => type === "message_start").length, 1);
  assert.equal(types.at(-1), "message_stop");
  const [block] = (await stream.finalMessage()).content;
  assert.equal(block.text.trim().split(" ").length, 30);
  assert.equal(await providerCalls(content), 1);
}

test("messages, by Anthropic's own: cut, the same events; one provider call", (t) =>
  messages(t, "sim-messages/tokens=30,interval=10ms", 5));

test("messages of a target that does not stream: one frame as several events", (t) =>
  messages(t, "sim-messages/tokens=30,interval=0,nostream", 1));

test("tools and what is parsed of them", async (t) => {
  const tools = [zodFunction({ name: "search", parameters: z.object({ query: z.string() }) })];
  const ask = { model: "sim/tokens=5,interval=0,parallel=2", messages: user(prompt("tools")), tools };
  const proxy = await cuttingProxy(t, { after: 3, cuts: 2 });
  const cut = new OpenAI({ baseURL: proxy.base, apiKey: "k", fetch: resumingFetch() });
  const streamed = await cut.chat.completions.stream(ask).finalChatCompletion();
  const whole = await client.chat.completions.parse(ask);
  for (const { choices } of [streamed, whole]) {
    assert.equal(choices[0].finish_reason, "tool_calls");
    const calls = choices[0].message.tool_calls;
    assert.equal(calls.length, 2);
    for (const { function: called } of calls) {
      assert.equal(called.name, "search");
      assert.equal(called.parsed_arguments.query.trim().split(" ").length, 5);
    }
  }
});

test("refusals and failures are what they are without the fetch, and are not run again", async () => {
  for (const [model, status, code] of [
    ["nowhere/x", 404, "model_not_found"],
    ["sim/status=400", 400, undefined],
    ["sim/status=429", 429, undefined],
  ]) {
    const ask = { model, messages: user(prompt("refused")) };
    for (const stream of [true, false]) {
      await assert.rejects(client.chat.completions.create({ ...ask, stream }), (error) => {
        assert.ok(error instanceof OpenAI.APIError);
        assert.equal(error.status, status);
        if (code) assert.equal(error.code, code);
        return true;
      });
    }
  }
});

test("a failure within the stream is thrown once, after all that came before it", async () => {
  const content = prompt("fails");
  const ask = { model: "sim/tokens=20,interval=1ms,errorafter=6", messages: user(content) };
  const texts = [];
  const reading = async () => {
    for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
      texts.push(chunk.choices[0].delta.content ?? "");
    }
  };
  await assert.rejects(reading(), OpenAI.APIError);
  assert.equal(texts.filter(Boolean).length, 6);
});

test("to break out of the loop closes the connection; the job goes on", async (t) => {
  const proxy = await cuttingProxy(t, { after: Infinity, cuts: 0 });
  const cut = new OpenAI({ baseURL: proxy.base, apiKey: "k", fetch: resumingFetch() });
  const ask = { model: "sim/tokens=40,interval=10ms", messages: user(prompt("left")), stream: true };
  const { data, request_id } = await cut.chat.completions.create(ask).withResponse();
  const [socket] = proxy.open;
  const left = new Promise((resolve) => socket.once("close", resolve));
  for await (const chunk of data) if (chunk.choices[0].delta.content) break;
  await left;
  const response = await fetch(`${BASE}/jobs/${request_id}/result?wait=30`);
  assert.equal((await response.json()).choices[0].message.content.trim().split(" ").length, 40);
});

/** The SDKs over a scripted server: their retries, their endings, every dialect. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, streamText } from "ai";
import OpenAI from "openai";

import { resumingFetch } from "../src/index.js";
import { chatEvents, refusal, server } from "./scripted.js";

const EVENTS = chatEvents(3);
const ASK = { model: "m", messages: [{ role: "user", content: "hi" }], stream: true };
const BASE = "http://broker.test/v1";
const busy = () => refusal(503, { "retry-after": "0.05" });

function openai(scripted, options = {}) {
  // Without patience, so that the SDK's own retries are what is seen.
  const fetch = resumingFetch({ fetch: scripted.fetch, patience: 0 });
  return new OpenAI({ baseURL: BASE, apiKey: "k", fetch, ...options });
}

async function textOf(stream) {
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
}

test("openai: its retries of one call have one key", async () => {
  const scripted = server(EVENTS, [busy, "lost", {}]);
  assert.equal(await textOf(await openai(scripted).chat.completions.create(ASK)), "w0é w1é w2é ");
  assert.equal(scripted.calls.length, 3);
  assert.equal(new Set(scripted.keys()).size, 1);
});

test("openai: equal calls at the same instant keep their keys through their retries", async () => {
  const scripted = server(EVENTS, [busy, busy, busy, busy, {}]);
  const client = openai(scripted);
  const calls = [1, 2, 3, 4].map(async () => textOf(await client.chat.completions.create(ASK)));
  await Promise.all(calls);
  const keys = scripted.keys();
  assert.equal(keys.length, 8);
  assert.deepEqual(keys.slice(4).toSorted(), keys.slice(0, 4).toSorted());
  assert.equal(new Set(keys).size, 4);
});

test("openai: a call repeated by the application is another call, though the first failed", async () => {
  const scripted = server(EVENTS, ["lost", {}]);
  const client = openai(scripted, { maxRetries: 0 });
  await assert.rejects(client.chat.completions.create(ASK), OpenAI.APIConnectionError);
  await textOf(await client.chat.completions.create(ASK));
  assert.equal(new Set(scripted.keys()).size, 2);
});

test("openai: its own timeout is a retry, too", async () => {
  const scripted = server(EVENTS, [() => new Promise(() => {}), {}]);
  const client = openai(scripted, { timeout: 100 });
  await textOf(await client.chat.completions.create(ASK));
  assert.equal(scripted.calls.length, 2);
  assert.equal(new Set(scripted.keys()).size, 1);
});

test("openai: a final failure is not retried", async () => {
  const scripted = server(EVENTS, [() => refusal(502, { "x-should-retry": "false" })]);
  await assert.rejects(openai(scripted).chat.completions.create(ASK), { status: 502 });
  assert.equal(scripted.calls.length, 1);
});

test("openai: responses are resumed up to their own terminal", async () => {
  const events = ["response.created", "response.output_text.delta", "response.completed"].map(
    (type, n) =>
      `id: ${n + 1}\nevent: ${type}\ndata: ${JSON.stringify({ type, sequence_number: n, delta: "x" })}\n\n`,
  );
  const scripted = server(events, [{ bytes: 150, end: "close" }, {}]);
  const client = new OpenAI({
    baseURL: BASE,
    apiKey: "k",
    fetch: resumingFetch({ fetch: scripted.fetch }),
  });
  const seen = [];
  for await (const event of await client.responses.create({ model: "m", input: "hi", stream: true })) {
    seen.push(event.type);
  }
  assert.deepEqual(seen, ["response.created", "response.output_text.delta", "response.completed"]);
  assert.equal(scripted.calls.length, 2);
});

test("anthropic: messages are resumed up to message_stop; retries have one key", async () => {
  const said = [
    { type: "message_start", message: { id: "m", role: "assistant", content: [], usage: {} } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hello" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
    { type: "message_stop" },
  ];
  const events = said.map(
    (data, n) => `id: ${n + 1}\nevent: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`,
  );
  const scripted = server(events, [busy, { bytes: 300, end: "close" }, {}]);
  const client = new Anthropic({
    baseURL: "http://broker.test",
    apiKey: "k",
    fetch: resumingFetch({ fetch: scripted.fetch, patience: 1000 }),
  });
  const message = await client.messages
    .stream({ model: "m", max_tokens: 9, messages: ASK.messages })
    .finalMessage();
  assert.equal(message.content[0].text, "hello");
  assert.equal(scripted.calls.length, 3);
  assert.equal(new Set(scripted.keys()).size, 1);
});

test("the AI SDK: its retries of one call have one key, the next call another", async () => {
  // It says nothing of its retries, and waits two seconds where nothing shorter is asked for.
  const scripted = server(EVENTS, [busy, busy, {}]);
  const fetch = resumingFetch({ fetch: scripted.fetch, patience: 0 });
  const provider = createOpenAICompatible({ name: "streamhold", baseURL: BASE, fetch });
  for (const calls of [3, 4]) {
    const result = streamText({ model: provider("m"), prompt: "hi" });
    assert.equal(await result.text, "w0é w1é w2é ");
    assert.equal(scripted.calls.length, calls);
  }
  const keys = scripted.keys();
  assert.equal(new Set(keys.slice(0, 3)).size, 1);
  assert.notEqual(keys[3], keys[0]);
});

test("the AI SDK: its OpenAI provider takes the fetch as well, whole answers too", async () => {
  const answer = {
    id: "c",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "hello" }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1 },
  };
  const scripted = server([], ["lost", () => Response.json(answer)]);
  const fetch = resumingFetch({ fetch: scripted.fetch });
  const provider = createOpenAI({ baseURL: BASE, apiKey: "k", fetch });
  const { text } = await generateText({ model: provider.chat("m"), prompt: "hi" });
  assert.equal(text, "hello");
  assert.equal(new Set(scripted.keys()).size, 1);
});

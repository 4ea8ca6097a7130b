/** What the SDKs do by themselves over a broker, and over ours: retries, silences, structured output. */
import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, streamObject, streamText, tool } from "ai";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { resumingFetch } from "../../src/index.js";
import { cuttingProxy, prompt, providerCalls, user } from "./broker.js";

const QUICK = "tokens=12,interval=1ms";
const SILENT = "tokens=3,interval=450ms"; // longer than the ping interval
const wordsOf = (text) => text.trim().split(" ").length;

// One streamed call by each, its text; `options` are the SDK's own, `key` the caller's.
const CALLS = {
  async chat(baseURL, model, content, { key, ...options }) {
    const client = new OpenAI({ baseURL, apiKey: "k", ...options });
    const ask = { model: `sim/${model}`, messages: user(content), stream: true };
    let text = "";
    const chunks = await client.chat.completions.create(ask, keyed(key));
    for await (const { choices } of chunks) text += choices[0]?.delta.content ?? "";
    return text;
  },
  async responses(baseURL, model, content, { key, ...options }) {
    const client = new OpenAI({ baseURL, apiKey: "k", ...options });
    const ask = { model: `sim-responses/${model}`, input: content, stream: true };
    let text = "";
    for await (const event of await client.responses.create(ask, keyed(key))) {
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    return text;
  },
  async messages(baseURL, model, content, { key, ...options }) {
    const client = new Anthropic({ baseURL: new URL(baseURL).origin, apiKey: "k", ...options });
    const ask = { model: `sim-messages/${model}`, max_tokens: 99, messages: user(content) };
    return client.messages.stream(ask, keyed(key)).finalText();
  },
  async aiSdk(baseURL, model, content, { key, maxRetries, ...options }) {
    const provider = createOpenAICompatible({ name: "sh", baseURL, ...options });
    let failure;
    const { headers } = keyed(key);
    const onError = ({ error }) => (failure = error);
    const ask = { model: provider(`sim/${model}`), messages: user(content), headers, onError };
    let text = "";
    for await (const piece of streamText({ ...ask, maxRetries }).textStream) text += piece;
    if (failure) throw failure;
    return text;
  },
};

const keyed = (key) => ({ headers: key ? { "Idempotency-Key": key } : {} });

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: a silence longer than the ping interval`, async (t) => {
    const content = prompt("silent");
    const proxy = await cuttingProxy(t, {});
    assert.equal(wordsOf(await call(proxy.base, SILENT, content, { maxRetries: 0 })), 3);
    assert.ok(proxy.pings > 0);
    assert.equal(await providerCalls(content), 1);
  });

  test(`${name}: its own retries of one key are one provider call`, async (t) => {
    const content = prompt("retried");
    const proxy = await cuttingProxy(t, { faults: [0, 429, 503] });
    const text = await call(proxy.base, QUICK, content, { key: content, maxRetries: 3 });
    assert.equal(wordsOf(text), 12);
    assert.equal(proxy.carried, 4);
    assert.equal(await providerCalls(content), 1);
  });

  test(`${name}: the same without a key of its own, over our fetch`, async (t) => {
    const content = prompt("refetched");
    const proxy = await cuttingProxy(t, { faults: [0, 429], after: 5, cuts: 2 });
    const options = { maxRetries: 3, fetch: resumingFetch() };
    assert.equal(wordsOf(await call(proxy.base, "tokens=12,interval=10ms", content, options)), 12);
    assert.equal(proxy.cuts, 2);
    assert.equal(await providerCalls(content), 1);
  });

  test(`${name}: a refusal has its status; one that would be replayed is not retried`, async (t) => {
    for (const [model, status, calls] of [
      ["status=400", 400, 1],
      ["status=429,retryafter=0.01", 429, 3], // the broker's own tries
    ]) {
      const content = prompt("refused");
      const proxy = await cuttingProxy(t, {});
      const maxRetries = name === "aiSdk" ? 0 : 2; // it knows no x-should-retry
      await assert.rejects(call(proxy.base, model, content, { key: content, maxRetries }), (error) => {
        assert.equal(error.status ?? error.statusCode, status);
        return true;
      });
      assert.equal(proxy.carried, 1);
      assert.equal(await providerCalls(content), calls);
    }
  });
}

const SCHEMA = z.object({ answer: z.string(), sure: z.boolean(), rooms: z.array(z.number()) });

function check(parsed) {
  assert.equal(wordsOf(parsed.answer), 12);
  assert.deepEqual([parsed.sure, parsed.rooms.length], [true, 1]);
}

test("structured output by OpenAI's, in chat and responses: parsed, streamed, cut", async (t) => {
  const proxy = await cuttingProxy(t, { after: 4, cuts: 4 });
  const client = new OpenAI({ baseURL: proxy.base, apiKey: "k", fetch: resumingFetch() });
  const chat = {
    model: "sim/tokens=12,interval=5ms",
    messages: user(prompt("structured")),
    response_format: zodResponseFormat(SCHEMA, "answer"),
  };
  const streamed = await client.chat.completions.stream(chat).finalChatCompletion();
  check(streamed.choices[0].message.parsed);
  check((await client.chat.completions.parse(chat)).choices[0].message.parsed);
  const ask = {
    model: "sim-responses/tokens=12,interval=5ms",
    input: prompt("structured"),
    text: { format: zodTextFormat(SCHEMA, "answer") },
  };
  check((await client.responses.stream(ask).finalResponse()).output_parsed);
  check((await client.responses.parse(ask)).output_parsed);
  assert.equal(proxy.cuts, 4);
});

test("structured output by Anthropic's: parsed, streamed, cut", async (t) => {
  const proxy = await cuttingProxy(t, { after: 4, cuts: 2 });
  const baseURL = new URL(proxy.base).origin;
  const client = new Anthropic({ baseURL, apiKey: "k", fetch: resumingFetch() });
  const ask = {
    model: "sim-messages/tokens=12,interval=5ms",
    max_tokens: 99,
    messages: user(prompt("structured")),
    output_config: { format: zodOutputFormat(SCHEMA) },
  };
  check((await client.messages.parse(ask)).parsed_output);
  check((await client.messages.stream(ask).finalMessage()).parsed_output);
  assert.equal(proxy.cuts, 2);
});

test("the AI SDK: objects, whole and streamed, and tools, cut", async (t) => {
  const proxy = await cuttingProxy(t, { after: 4, cuts: 4 });
  const provider = createOpenAICompatible({
    name: "sh",
    baseURL: proxy.base,
    fetch: resumingFetch(),
    supportsStructuredOutputs: true,
  });
  const contents = ["a", "b", "c"].map((name) => prompt(`ai-sdk-${name}`));
  const ask = { model: provider("sim/tokens=12,interval=5ms"), schema: SCHEMA, maxRetries: 0 };
  check((await generateObject({ ...ask, prompt: contents[0] })).object);
  const streamed = streamObject({ ...ask, prompt: contents[1] });
  let partials = 0;
  for await (const part of streamed.partialObjectStream) partials += part ? 1 : 0;
  assert.ok(partials > 2);
  check(await streamed.object);
  const search = tool({ inputSchema: z.object({ query: z.string() }) });
  const model = provider("sim/tokens=12,interval=5ms,parallel=2");
  const called = streamText({ model, prompt: contents[2], tools: { search }, maxRetries: 0 });
  await called.consumeStream();
  const calls = await called.toolCalls;
  assert.deepEqual(calls.map(({ toolName }) => toolName), ["search", "search"]);
  for (const { input } of calls) assert.equal(wordsOf(input.query), 12);
  assert.equal(proxy.cuts, 4);
  for (const content of contents) assert.equal(await providerCalls(content), 1);
});

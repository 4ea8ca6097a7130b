/**
 * Streams at once, by the SDKs of an application that knows nothing of what happens below:
 * it says how far it is, and what it read in the end. Meanwhile its server is killed.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import Anthropic from "@anthropic-ai/sdk";
import { ChatClient, fetchServerSentEvents } from "@tanstack/ai-client";
import OpenAI from "openai";

import { agUiFetch, resumingFetch, Streamhold } from "../../src/index.js";
import { BASE, user } from "./broker.js";
import { byEventSource, byFetchEventSourceWithItsOwnCursor } from "./readers.js";

const [model, ...prompts] = process.argv.slice(2);

// The SDKs' own retries are off: nothing but the fetch is to save them.
async function byOpenAI(content) {
  const client = new OpenAI({ baseURL: BASE, apiKey: "k", maxRetries: 0, fetch: resumingFetch() });
  const ask = { model, messages: user(content), stream: true };
  let text = "";
  let chunks = 0;
  for await (const chunk of await client.chat.completions.create(ask)) {
    text += chunk.choices[0]?.delta.content ?? "";
    console.log(JSON.stringify({ chunks: ++chunks }));
  }
  return text;
}

async function byTheAISDK(content) {
  const provider = createOpenAICompatible({ name: "sh", baseURL: BASE, fetch: resumingFetch() });
  let text = "";
  const result = streamText({ model: provider(model), messages: user(content), maxRetries: 0 });
  for await (const piece of result.textStream) text += piece;
  return text;
}

async function byItsOwnClient(content) {
  const client = new Streamhold({ baseURL: BASE });
  const { request_id } = await client.submit({ request: { model, messages: user(content) } });
  let text = "";
  for await (const { event, data } of client.events(request_id)) {
    if (event === "chunk") text += JSON.parse(data).choices[0]?.delta.content ?? "";
  }
  const { choices } = await client.result(request_id);
  return choices[0].message.content === text ? text : `not its result: ${text}`;
}

// A whole answer is lost with its connection, and asked for again.
async function whole(content) {
  const client = new OpenAI({ baseURL: BASE, apiKey: "k", maxRetries: 0, fetch: resumingFetch() });
  const answer = await client.chat.completions.create({ model, messages: user(content) });
  return answer.choices[0].message.content;
}

async function byAnthropic(content) {
  const options = { baseURL: new URL(BASE).origin, apiKey: "k", maxRetries: 0 };
  const client = new Anthropic({ ...options, fetch: resumingFetch() });
  const ask = { model: model.replace("sim/", "sim-messages/"), max_tokens: 999 };
  return client.messages.stream({ ...ask, messages: user(content) }).finalText();
}

// These resume by themselves.
async function byTanStack(content) {
  const fetchClient = agUiFetch({ baseURL: BASE, model });
  const reconnect = { maxAttempts: 100, delayMs: 100 };
  const connection = fetchServerSentEvents(BASE, { fetchClient, reconnect });
  const client = new ChatClient({ connection });
  await client.sendMessage(content);
  return client.getMessages().at(-1).parts[0].content;
}

const followed = (read) => async (content) => {
  const { request_id } = await new Streamhold({ baseURL: BASE }).submit({
    request: { model, messages: user(content) },
  });
  const events = await read(`${BASE}/jobs/${request_id}/events`);
  const chunks = events.filter(([, event]) => event === "chunk").map(([, , data]) => JSON.parse(data));
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
};

const readers = [
  byOpenAI,
  byTheAISDK,
  byItsOwnClient,
  whole,
  byTanStack,
  followed(byEventSource),
  followed(byFetchEventSourceWithItsOwnCursor),
  byAnthropic,
];
// While `eventsource` waits to come again, it does not keep the process alive.
const alive = setInterval(() => {}, 1000);
const texts = await Promise.all(readers.map((read, place) => read(prompts[place])));
clearInterval(alive);
console.log(JSON.stringify({ texts }));

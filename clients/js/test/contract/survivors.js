/**
 * Three streams at once, by the SDKs of an application that knows nothing of what happens below:
 * it says how far it is, and what it read in the end. Meanwhile its server is killed.
 */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import OpenAI from "openai";

import { resumingFetch, Streamhold } from "../../src/index.js";
import { BASE, user } from "./broker.js";

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

const readers = [byOpenAI, byTheAISDK, byItsOwnClient, whole];
const texts = await Promise.all(readers.map((read, place) => read(prompts[place])));
console.log(JSON.stringify({ texts }));

/** What an application writes, against the types that are shipped. Compiled, never run. */
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { fetchServerSentEvents } from "@tanstack/ai-client";
import OpenAI from "openai";
import {
  agUiFetch,
  resumingFetch,
  Streamhold,
  StreamholdError,
  type Job,
  type ResumingOptions,
} from "streamhold";

const options: ResumingOptions = { patience: 30_000, idle: 0, retryWindow: 0 };
const fetch = resumingFetch(options);
const global: typeof globalThis.fetch = fetch;

export const sdks = [
  new OpenAI({ fetch }),
  new Anthropic({ fetch }),
  createOpenAI({ fetch }),
  createOpenAICompatible({ name: "streamhold", baseURL: "http://localhost:8080/v1", fetch }),
  resumingFetch({ fetch: global }),
];

const baseURL = "http://localhost:8080/v1";
const fetchClient = agUiFetch({ baseURL, model: "fast", request: { max_tokens: 9 }, fetch });
export const connection = fetchServerSentEvents("/", { fetchClient, reconnect: { delayMs: 500 } });

export async function follow(): Promise<string> {
  const client = new Streamhold({ baseURL: "http://localhost:8080/v1", apiKey: "k" });
  const job: Job = await client.submit({ request: { model: "m", messages: [] } });
  let cursor = "0";
  for await (const { id, event, data } of client.events(job.request_id, { after: cursor })) {
    cursor = id;
    if (event === "end") return data;
  }
  try {
    await client.result(job.request_id, { signal: AbortSignal.timeout(1000) });
  } catch (error) {
    if (error instanceof StreamholdError && error.status === 404) return error.code ?? "";
  }
  // @ts-expect-error: a job has no such state
  return (await client.get("x")).state === "lost" ? "" : (await client.cancel("x")).model;
}

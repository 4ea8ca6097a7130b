/**
 * What the SDKs of JavaScript show of answers. Reads a JSON list of calls from standard input,
 * `{judge, url, model, prompt}`, and writes a JSON list of what was heard, in the same order: text,
 * thoughts, refusal, calls (id, name, arguments), reason, counts (input, output, cached, reasoning),
 * and of a failure error, message and status. What an SDK has no word for is null.
 */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";

import { user } from "./broker.js";

const AT_ONCE = 8;
const NAMES = ["tide", "wind", "bare"];
const SCHEMA = { type: "object", properties: {}, additionalProperties: true };
const CHAT_TOOLS = NAMES.map((name) => ({ type: "function", function: { name, parameters: SCHEMA } }));
const CLAUDE_TOOLS = NAMES.map((name) => ({ name, input_schema: SCHEMA }));
const GPT_TOOLS = NAMES.map((name) => ({ type: "function", name, parameters: SCHEMA, strict: false }));
const AI_TOOLS = Object.fromEntries(
  NAMES.map((name) => [name, tool({ inputSchema: jsonSchema(SCHEMA) })]),
);

const heard = (more) => ({
  text: "",
  thoughts: "",
  refusal: "",
  calls: [],
  reason: null,
  counts: null,
  error: null,
  message: "",
  status: null,
  ...more,
});

const failed = (error, more = {}) =>
  heard({
    ...more,
    error: error.error?.error?.failure ?? error.type ?? error.code ?? error.name,
    message: error.message,
    status: error.status ?? error.statusCode ?? null,
  });

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// ── OpenAI's: chat ───────────────────────────────────────────────────────────────────────

const gpt = (url) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "k", maxRetries: 0 });
const chatAsk = (model, prompt) => ({ model, messages: user(prompt), tools: CHAT_TOOLS });

const chatCounts = (usage) =>
  usage && [
    usage.prompt_tokens,
    usage.completion_tokens,
    usage.prompt_tokens_details?.cached_tokens ?? 0,
    usage.completion_tokens_details?.reasoning_tokens ?? 0,
  ];

function completed({ choices: [{ message, finish_reason: reason }], usage }) {
  return heard({
    text: message.content ?? "",
    thoughts: message.reasoning_content ?? "",
    refusal: message.refusal ?? "",
    calls: (message.tool_calls ?? []).map((call) => [
      call.id,
      call.function.name,
      parsed(call.function.arguments),
    ]),
    reason,
    counts: chatCounts(usage) ?? null,
  });
}

async function chatWhole({ url, model, prompt }) {
  return completed(await gpt(url).chat.completions.create(chatAsk(model, prompt)));
}

/** Its helper knows nothing of thoughts. */
async function chatHelper({ url, model, prompt }) {
  const ask = { ...chatAsk(model, prompt), stream_options: { include_usage: true } };
  const stream = gpt(url).chat.completions.stream(ask);
  return { ...completed(await stream.finalChatCompletion()), thoughts: null };
}

// ── OpenAI's: responses ──────────────────────────────────────────────────────────────────

const gptAsk = (model, input) => ({ model, input, tools: GPT_TOOLS });

function answered(response) {
  const told = heard({ reason: response.status });
  for (const item of response.output) {
    for (const part of [...(item.summary ?? []), ...(item.content ?? [])]) {
      if (part.type === "output_text") told.text += part.text;
      else if (part.type === "refusal") told.refusal += part.refusal;
      else told.thoughts += part.text;
    }
    if (item.type === "function_call") told.calls.push([item.call_id, item.name, parsed(item.arguments)]);
  }
  if (response.incomplete_details) told.reason += `: ${response.incomplete_details.reason}`;
  if (response.error) {
    return { ...told, reason: null, error: "response.failed", message: response.error.message };
  }
  const { usage } = response;
  if (usage) {
    told.counts = [
      usage.input_tokens,
      usage.output_tokens,
      usage.input_tokens_details.cached_tokens,
      usage.output_tokens_details.reasoning_tokens,
    ];
  }
  return told;
}

async function responsesWhole({ url, model, prompt }) {
  return answered(await gpt(url).responses.create(gptAsk(model, prompt)));
}

async function responsesHelper({ url, model, prompt }) {
  return answered(await gpt(url).responses.stream(gptAsk(model, prompt)).finalResponse());
}

// ── Anthropic's ──────────────────────────────────────────────────────────────────────────

const claude = (url) => new Anthropic({ baseURL: url, apiKey: "k", maxRetries: 0 });
const claudeAsk = (model, prompt) => ({
  model,
  max_tokens: 500,
  messages: user(prompt),
  tools: CLAUDE_TOOLS,
});

function said({ content, stop_reason: reason, usage }) {
  const told = heard({ reason, refusal: null });
  for (const block of content) {
    if (block.type === "text") told.text += block.text;
    else if (block.type === "thinking") told.thoughts += block.thinking;
    else told.calls.push([block.id, block.name, block.input]);
  }
  const cached = usage.cache_read_input_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? 0;
  told.counts = [
    usage.input_tokens + cached + written,
    usage.output_tokens,
    cached,
    usage.output_tokens_details?.thinking_tokens ?? 0,
  ];
  return told;
}

async function messagesWhole({ url, model, prompt }) {
  return said(await claude(url).messages.create(claudeAsk(model, prompt)));
}

async function messagesHelper({ url, model, prompt }) {
  return said(await claude(url).messages.stream(claudeAsk(model, prompt)).finalMessage());
}

// ── The AI SDK's, by the provider of each surface ────────────────────────────────────────

const AI = {
  chat: (baseURL) => createOpenAI({ baseURL, apiKey: "k" }).chat,
  responses: (baseURL) => createOpenAI({ baseURL, apiKey: "k" }).responses,
  messages: (baseURL) => createAnthropic({ baseURL, apiKey: "k" }),
  compatible: (baseURL) => createOpenAICompatible({ name: "judged", baseURL, includeUsage: true }),
};

const aiAsk = (surface, { url, model, prompt }) => ({
  model: AI[surface](`${url}/v1`)(model),
  prompt,
  tools: AI_TOOLS,
  maxRetries: 0,
});

/** OpenAI's provider for chat has no word for thoughts; a refusal is text to all of them. */
const aiHeard = (surface, more) =>
  heard({ ...more, refusal: null, ...(surface === "chat" && { thoughts: null }) });

const aiCounts = ({ inputTokens, outputTokens, inputTokenDetails, outputTokenDetails }) =>
  inputTokens === undefined && outputTokens === undefined
    ? null
    : [
        inputTokens,
        outputTokens,
        inputTokenDetails.cacheReadTokens ?? 0,
        outputTokenDetails.reasoningTokens ?? 0,
      ];

const aiCall = ({ toolCallId, toolName, input }) => [toolCallId, toolName, input];

/** All its parts; the input of a tool is what its pieces come to. */
async function aiStream(surface, call) {
  const told = { text: "", thoughts: "", calls: [] };
  const inputs = new Map();
  const result = streamText({ ...aiAsk(surface, call), onError() {} });
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") told.text += part.text;
    else if (part.type === "reasoning-delta") told.thoughts += part.text;
    else if (part.type === "tool-input-start") inputs.set(part.id, "");
    else if (part.type === "tool-input-delta") inputs.set(part.id, inputs.get(part.id) + part.delta);
    else if (part.type === "tool-call") {
      const pieces = parsed(inputs.get(part.toolCallId) || "{}");
      if (JSON.stringify(pieces) !== JSON.stringify(part.input)) {
        throw new Error(`pieces of a tool's input: ${JSON.stringify(pieces)}`);
      }
      told.calls.push(aiCall(part));
    } else if (part.type === "error") return aiHeard(surface, failed(part.error, told));
    else if (part.type === "finish") {
      told.reason = part.finishReason;
      told.counts = aiCounts(part.totalUsage);
    }
  }
  return aiHeard(surface, told);
}

async function aiWhole(surface, call) {
  const result = await generateText(aiAsk(surface, call));
  return aiHeard(surface, {
    text: result.text,
    thoughts: result.reasoning.map(({ text }) => text).join(""),
    calls: result.toolCalls.map(aiCall),
    reason: result.finishReason,
    counts: aiCounts(result.totalUsage),
  });
}

const JUDGES = {
  "openai chat, helper": chatHelper,
  "openai chat, whole": chatWhole,
  "openai responses, helper": responsesHelper,
  "openai responses, whole": responsesWhole,
  "anthropic, helper": messagesHelper,
  "anthropic, whole": messagesWhole,
  ...Object.fromEntries(
    Object.keys(AI).flatMap((surface) => [
      [`AI SDK ${surface}, stream`, (call) => aiStream(surface, call)],
      [`AI SDK ${surface}, whole`, (call) => aiWhole(surface, call)],
    ]),
  ),
};

globalThis.AI_SDK_LOG_WARNINGS = false;
let input = "";
for await (const piece of process.stdin) input += piece;
const calls = JSON.parse(input);
const found = new Array(calls.length);
let next = 0;

async function work() {
  while (next < calls.length) {
    const at = next++;
    const call = calls[at];
    found[at] = await JUDGES[call.judge](call).catch((error) => failed(error));
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
process.stdout.write(JSON.stringify(found));

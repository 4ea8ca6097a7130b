// TanStack AI: `baseURL` and `fetch` of its OpenAI-compatible adapter.

import { chat, toolDefinition } from "@tanstack/ai";
import { createOpenaiChat } from "@tanstack/ai-openai";
import { z } from "zod";

import * as common from "./common.mjs";

const { baseURL, apiKey, headers, fetch } = common;
const run = toolDefinition({
  name: "run",
  description: "Run a command by the shell.",
  inputSchema: z.object({ command: z.string() }),
}).server(common.run);
const stream = chat({
  adapter: createOpenaiChat(common.model, apiKey, { baseURL, defaultHeaders: headers, fetch }),
  messages: [{ role: "user", content: common.prompt }],
  tools: [run],
});
let text = "";
for await (const chunk of stream) text += chunk.type === "TEXT_MESSAGE_CONTENT" ? chunk.delta : "";
console.log(text);

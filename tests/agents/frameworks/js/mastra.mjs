// Mastra: a model of the AI SDK's createOpenAICompatible.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";

import * as common from "./common.mjs";

const { baseURL, apiKey, headers, fetch } = common;
const provider = createOpenAICompatible({ name: "streamhold", baseURL, apiKey, headers, fetch });
const run = createTool({
  id: "run",
  description: "Run a command by the shell.",
  inputSchema: z.object({ command: z.string() }),
  execute: async (input) => common.run(input.context ?? input),
});
const agent = new Agent({
  id: "agent",
  name: "agent",
  instructions: "Do it.",
  model: provider(common.model),
  tools: { run },
});
const answer = await agent.stream(common.prompt);
console.log(await answer.text);

// AI SDK: `fetch` of createOpenAICompatible.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import * as common from "./common.mjs";

const { baseURL, apiKey, headers, fetch } = common;
const provider = createOpenAICompatible({ name: "streamhold", baseURL, apiKey, headers, fetch });
const run = tool({ inputSchema: z.object({ command: z.string() }), execute: common.run });
const answer = streamText({
  model: provider(common.model),
  prompt: common.prompt,
  tools: { run },
  stopWhen: stepCountIs(5),
});
console.log(await answer.text);

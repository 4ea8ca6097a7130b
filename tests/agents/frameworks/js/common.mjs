// What the runner tells a script, by its environment, and the one tool that each script offers.

import { execSync } from "node:child_process";

export const url = process.env.AGENT_URL; // of the API, without /v1
export const baseURL = `${url}/v1`;
export const apiKey = process.env.AGENT_KEY;
export const model = process.env.AGENT_MODEL;
export const prompt = process.env.AGENT_PROMPT;
export const headers = JSON.parse(process.env.AGENT_HEADERS);

/** Our fetch, where it is wanted; undefined for the one that an SDK takes else. */
export const fetch =
  process.env.AGENT_TRANSPORT === "1"
    ? (await import(process.env.AGENT_CLIENT)).resumingFetch()
    : undefined;

export const run = ({ command }) => execSync(command, { encoding: "utf8" });

import assert from "node:assert/strict";
import { test } from "node:test";

import { dialectOf, isTerminal } from "../src/dialect.js";

test("generations are told from what only looks like them", () => {
  const at = (path) => new URL(path, "http://broker.test");
  const post = (path) => dialectOf("POST", at(path));
  assert.equal(post("/v1/chat/completions"), "chat");
  assert.equal(post("/openai/v1/responses/"), "responses");
  assert.equal(post("/v1/messages"), "messages");
  for (const path of [
    "/v1/threads/t1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses/r1/cancel",
    "/v1/completions",
    "/v1/jobs",
  ]) {
    assert.equal(post(path), undefined, path);
  }
  assert.equal(dialectOf("GET", at("/v1/jobs/a/events")), "native");
  assert.equal(dialectOf("GET", at("/v1/responses/r1?stream=true")), "responses");
  assert.equal(dialectOf("GET", at("/v1/responses/r1")), "responses");
  assert.equal(dialectOf("GET", at("/v1/responses/r1/input_items")), undefined);
  assert.equal(dialectOf("GET", at("/v1/responses")), undefined);
});

test("every dialect's last events, and nothing else", () => {
  const event = (type, data = "{}") => ({ id: "1", type, data, retry: undefined });
  assert.ok(isTerminal("chat", event("", "[DONE]")));
  assert.ok(isTerminal("chat", event("error")));
  for (const end of ["completed", "failed", "incomplete", "cancelled"]) {
    assert.ok(isTerminal("responses", event(`response.${end}`)));
    assert.ok(isTerminal("responses", event("", `{"type":"response.${end}"}`)));
  }
  assert.ok(isTerminal("messages", event("message_stop")));
  assert.ok(isTerminal("native", event("end")));
  assert.ok(!isTerminal("chat", event("end")));
  assert.ok(!isTerminal("chat", event("", '{"type":"error"}')));
  assert.ok(!isTerminal("native", event("", "[DONE]")));
  assert.ok(!isTerminal("responses", event("response.output_text.delta")));
  assert.ok(!isTerminal("responses", event("", "garbled")));
  assert.ok(!isTerminal("messages", { id: "1", type: "message_stop", data: undefined, retry: undefined }));
});

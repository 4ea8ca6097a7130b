/** Keys that are owed: who takes over which, and who must not. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { newKey, OwedKeys, sayingOf } from "../src/owed.js";

const say = (count, text = "same") => ({ text, count });

test("a counted retry takes the key of the call before it, once", () => {
  const owed = new OwedKeys(1000);
  owed.owe(say(0), "k", false);
  assert.equal(owed.claim(say(2)), undefined);
  assert.equal(owed.claim(say(1, "other")), undefined);
  assert.equal(owed.claim(say(1)), "k");
  assert.equal(owed.claim(say(1)), undefined);
});

test("a call that says it is no retry never takes a key", () => {
  const owed = new OwedKeys(1000);
  owed.owe(say(0), "k", false);
  assert.equal(owed.claim(say(0)), undefined);
});

test("equal calls that fail together keep apart: as many keys as calls", () => {
  const owed = new OwedKeys(1000);
  for (const key of ["a", "b", "c"]) owed.owe(say(0), key, false);
  const taken = [1, 2, 3].map(() => owed.claim(say(1)));
  assert.deepEqual(taken.toSorted(), ["a", "b", "c"]);
});

test("where nobody counts, a key is owed for a while, unless the caller left", () => {
  const owed = new OwedKeys(1000);
  owed.owe(say(undefined), "k", true);
  assert.equal(owed.claim(say(undefined)), undefined);
  owed.owe(say(undefined), "k", false);
  assert.equal(owed.claim(say(1)), undefined);
  assert.equal(owed.claim(say(undefined)), "k");
  const none = new OwedKeys(0);
  none.owe(say(undefined), "k", false);
  assert.equal(none.claim(say(undefined)), undefined);
});

test("a caller's leaving may be an SDK's own timeout: its counted retry goes on", () => {
  const owed = new OwedKeys(1000);
  owed.owe(say(0), "k", true);
  assert.equal(owed.claim(say(1)), "k");
});

test("what is held is bounded", () => {
  const owed = new OwedKeys(1000);
  for (let n = 0; n < 200; n++) owed.owe(say(0, `call ${n}`), `k${n}`, false);
  assert.equal(owed.claim(say(1, "call 0")), undefined);
  assert.equal(owed.claim(say(1, "call 199")), "k199");
  owed.owe(say(0, "x".repeat(17 << 20)), "large", false);
  assert.equal(owed.claim(say(1, "call 198")), undefined);
});

test("credentials and address are part of what a call says", () => {
  const one = sayingOf("u", new Headers({ authorization: "Bearer a" }), "b");
  assert.notEqual(one.text, sayingOf("u", new Headers({ authorization: "Bearer c" }), "b").text);
  assert.notEqual(one.text, sayingOf("v", new Headers({ authorization: "Bearer a" }), "b").text);
  assert.equal(sayingOf("u", new Headers({ "x-stainless-retry-count": "2" }), "b").count, 2);
  assert.equal(sayingOf("u", new Headers({ "x-stainless-retry-count": "?" }), "b").count, undefined);
});

test("keys are request ids of their own", () => {
  const keys = new Set(Array.from({ length: 1000 }, newKey));
  assert.equal(keys.size, 1000);
  for (const key of keys) assert.match(key, /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/);
});

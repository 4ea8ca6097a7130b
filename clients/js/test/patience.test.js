import assert from "node:assert/strict";
import { test } from "node:test";

import { Patience, retryAfter } from "../src/patience.js";

test("pauses grow, within bounds", () => {
  const patience = new Patience(60_000);
  const pauses = Array.from({ length: 12 }, () => patience.pause(undefined));
  assert.ok(pauses[0] >= 50 && pauses[0] <= 100);
  assert.ok(pauses[3] >= 400 && pauses[3] <= 800);
  assert.ok(pauses.every((pause) => pause <= 5000));
  patience.renew();
  assert.ok(patience.pause(undefined) <= 100);
});

test("what the server asks for is kept, if there is time for it", () => {
  const patience = new Patience(10_000);
  assert.equal(patience.pause(3000), 3000);
  assert.equal(patience.pause(30_000), undefined);
  patience.suggest(1000);
  assert.ok(patience.pause(undefined) >= 500);
});

test("no patience is no pause", () => {
  assert.equal(new Patience(0).pause(undefined), undefined);
});

test("Retry-After is seconds or a date", () => {
  const after = (text) => retryAfter(new Headers(text === undefined ? {} : { "retry-after": text }));
  assert.equal(after("2"), 2000);
  assert.equal(after("0.5"), 500);
  assert.equal(after("soon"), undefined);
  assert.equal(after(undefined), undefined);
  assert.equal(after("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  const away = after(new Date(Date.now() + 60_000).toUTCString());
  assert.ok(away > 50_000 && away <= 60_000);
});

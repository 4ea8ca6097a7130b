/** Which events of a new connection a reader has already. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Backwards, Place } from "../src/place.js";

const take = (place, id, text) => place.take(id, new TextEncoder().encode(text));

test("numbers rise; after a resumption nothing below the cursor is taken", () => {
  const place = new Place(undefined);
  assert.ok(take(place, "3", "a") && take(place, "5", "b"));
  assert.equal(place.cursor, "5");
  place.resume();
  assert.throws(() => take(place, "4", "c"), Backwards);
  assert.ok(take(place, "6", "c"));
});

test("a frame's events that were passed on are left out when they come again", () => {
  for (const own of [true, false]) {
    const place = new Place("2");
    if (own) assert.ok(take(place, "3", "the last of its own frame"));
    for (const text of ["a", "b"]) assert.ok(take(place, "3", text));
    place.resume();
    assert.deepEqual(["a", "b", "c"].map((text) => take(place, "3", text)), [false, false, true]);
    place.resume();
    assert.deepEqual(["a", "b", "c", "d"].map((text) => take(place, "3", text)), [false, false, false, true]);
    assert.ok(take(place, "4", "e"));
  }
});

test("what comes again otherwise is another stream", () => {
  for (const texts of [["b"], ["x"], ["a", "c"]]) {
    const place = new Place("2");
    for (const text of ["own", "a", "b"]) take(place, "3", text);
    place.resume();
    assert.throws(() => texts.forEach((text) => take(place, "3", text)), Backwards);
  }
});

test("ids that are no numbers are taken as they come", () => {
  const place = new Place(undefined);
  assert.ok(take(place, "x", "a"));
  place.resume();
  assert.ok(take(place, "w", "b"));
});

/** The resuming fetch over a scripted server: cuts, losses, refusals, leaving. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { resumingFetch } from "../src/index.js";
import { bodyOf, CHAT, chatEvents, posted, refusal, server, sse } from "./scripted.js";

const EVENTS = chatEvents(3);
const WHOLE = EVENTS.join("");
const LENGTH = new TextEncoder().encode(WHOLE).length;

const over = (scripted, options = {}) => resumingFetch({ fetch: scripted.fetch, ...options });

for (const end of ["break", "close"]) {
  for (const pieces of [1, 50]) {
    test(`a cut at any byte is not seen (${end}, ${pieces === 1 ? "whole" : "in pieces"})`, async () => {
      const cuts = Array.from({ length: LENGTH }, (_, bytes) => bytes);
      await Promise.all(
        cuts.map(async (bytes) => {
          const scripted = server(EVENTS, [{ bytes, end }, {}], { pieces });
          const response = await over(scripted)(CHAT, posted());
          assert.equal(await response.text(), WHOLE, `cut after ${bytes}`);
          assert.equal(scripted.calls.length, 2);
          const [first, second] = scripted.calls;
          assert.equal(second.body, first.body);
          assert.equal(new Set(scripted.keys()).size, 1);
        }),
      );
    });
  }
}

test("a stream that is cut again and again is whole in the end", async () => {
  const script = Array.from({ length: 8 }, (_, n) => ({ bytes: 60 * n, end: "break" }));
  const scripted = server(EVENTS, [...script, {}]);
  assert.equal(await (await over(scripted)(CHAT, posted())).text(), WHOLE);
  assert.ok(scripted.calls.length > 4);
});

test("lines of any kind are cut as well", async () => {
  for (const line of ["\r\n", "\r"]) {
    const events = chatEvents(2, line);
    const length = new TextEncoder().encode(events.join("")).length;
    const cuts = Array.from({ length }, (_, bytes) => bytes);
    const read = async (bytes) => {
      const scripted = server(events, [{ bytes, end: "break" }, {}]);
      return (await over(scripted)(CHAT, posted())).text();
    };
    for (const text of await Promise.all(cuts.map(read))) assert.equal(text, events.join(""));
  }
});

test("events that share a frame come all of them, once, wherever it is cut", async () => {
  // All but the last of a frame bear the number before it; a resumed reader gets all of them.
  // The first frames are no part of the view, so that even the first event's number is new.
  const frames = [[], ["m0", "m1"], ["m2"], ["m3", "m4", "m5"], ["[DONE]"]].map((frame, place) =>
    frame.map((data, n) => `id: ${place + (n === frame.length - 1 ? 1 : 0)}\ndata: ${data}\n\n`),
  );
  const whole = frames.flat().join("");
  const read = async (...cuts) => {
    const fetch = async (_, { headers }) => {
      const cut = cuts.shift();
      const text = frames.slice(Number(headers.get("last-event-id") ?? 0)).flat().join("");
      const sent = text.slice(0, cut);
      const { stream } = bodyOf(sent ? [sent] : [], cut === undefined ? "close" : "break");
      return sse(stream, { "x-request-id": headers.get("idempotency-key") });
    };
    return (await resumingFetch({ fetch })(CHAT, posted())).text();
  };
  const runs = [];
  for (let first = 0; first < whole.length; first++) {
    for (const second of [0, 10, 30, 60]) runs.push(read(first, second));
  }
  for (const text of await Promise.all(runs)) assert.equal(text, whole);
});

test("equal ids of a server that is not known to mean frames are passed on as they come", async () => {
  const events = ["a", "b", "[DONE]"].map((data) => `id: 0\ndata: ${data}\n\n`);
  const { stream } = bodyOf(events, "break");
  const response = await resumingFetch({ fetch: async () => sse(stream) })(CHAT, posted());
  const reader = response.body.getReader();
  for (const event of events) assert.equal(new TextDecoder().decode((await reader.read()).value), event);
  const cut = bodyOf(events.slice(0, 1), "break");
  const broken = await resumingFetch({ fetch: async () => sse(cut.stream) })(CHAT, posted());
  await assert.rejects(broken.text(), /terminated/);
});

test("a call without an answer is made again under its key", async () => {
  const scripted = server(EVENTS, ["lost", "lost", {}]);
  assert.equal(await (await over(scripted)(CHAT, posted())).text(), WHOLE);
  assert.equal(new Set(scripted.keys()).size, 1);
  assert.equal(scripted.calls[2].headers.get("last-event-id"), null);
});

test("a key of the caller's is left as it is", async () => {
  const scripted = server(EVENTS, [{ bytes: 50, end: "break" }, {}]);
  await (await over(scripted)(CHAT, posted(undefined, { "Idempotency-Key": "mine" }))).text();
  assert.deepEqual(scripted.keys(), ["mine", "mine"]);
});

test("equal calls are calls of their own", async () => {
  const scripted = server(EVENTS, [{}]);
  const fetch = over(scripted);
  await Promise.all([1, 2, 3].map(async () => (await fetch(CHAT, posted())).text()));
  assert.equal(new Set(scripted.keys()).size, 3);
});

test("'not now' is waited for, as long as it says", async () => {
  const scripted = server(EVENTS, [() => refusal(503, { "retry-after": "0.2" }), {}]);
  const began = performance.now();
  assert.equal(await (await over(scripted)(CHAT, posted())).text(), WHOLE);
  assert.ok(performance.now() - began >= 195);
});

test("'not now' for longer than there is patience is passed on, whole", async () => {
  const scripted = server(EVENTS, [() => refusal(503, { "retry-after": "9" })]);
  const response = await over(scripted, { patience: 500 })(CHAT, posted());
  assert.equal(response.status, 503);
  assert.equal((await response.json()).error.code, "nope");
});

test("a failure that the server calls final is passed on at once", async () => {
  const final = () => refusal(503, { "retry-after": "1", "x-should-retry": "false" });
  const scripted = server(EVENTS, [final]);
  assert.equal((await over(scripted)(CHAT, posted())).status, 503);
  assert.equal(scripted.calls.length, 1);
});

test("on the way back 5xx are waited out, and a 4xx ends it", async () => {
  const cut = { bytes: 200, end: "break" };
  const passing = server(EVENTS, [cut, 502, 503, () => sse(null), () => new Response("<p>hello"), {}]);
  assert.equal(await (await over(passing)(CHAT, posted())).text(), WHOLE);
  const gone = server(EVENTS, [cut, 410]);
  const response = await over(gone)(CHAT, posted());
  await assert.rejects(response.text(), { name: "StreamholdError", status: 410, code: "nope" });
});

test("204 on the way back is the end", async () => {
  const scripted = server(EVENTS, [{ bytes: 200, end: "break" }, () => new Response(null, { status: 204 })]);
  assert.ok(WHOLE.startsWith(await (await over(scripted)(CHAT, posted())).text()));
});

test("patience ends with the error that began it", async () => {
  const never = server(EVENTS, ["lost"]);
  await assert.rejects(over(never, { patience: 250 })(CHAT, posted()), /fetch failed/);
  assert.ok(never.calls.length > 1);
  const cut = server(EVENTS, [{ bytes: 200, end: "break" }, "lost"]);
  const response = await over(cut, { patience: 250 })(CHAT, posted());
  await assert.rejects(response.text(), /terminated/);
});

test("progress renews patience", async () => {
  const sizes = EVENTS.map((event) => new TextEncoder().encode(event).length);
  const script = sizes.flatMap((bytes) => [{ bytes, end: "break" }, "lost"]);
  const scripted = server(EVENTS, [...script, {}]);
  // Each loss takes two tries, 150 to 300 ms; all of them together more than the patience.
  assert.equal(await (await over(scripted, { patience: 500 })(CHAT, posted())).text(), WHOLE);
});

test("the server's retry: sets the first pause", async () => {
  const events = [`retry: 300\n${EVENTS[0]}`, ...EVENTS.slice(1)];
  const scripted = server(events, [{ bytes: events[0].length + 5, end: "break" }, {}]);
  const began = performance.now();
  await (await over(scripted)(CHAT, posted())).text();
  assert.ok(performance.now() - began >= 145);
});

test("a server without event ids is passed through, its end and its errors too", async () => {
  const plain = EVENTS.map((event) => event.replace(/^id: .*\n/, ""));
  const text = plain.join("");
  for (const bytes of [0, 10, text.length - 1, text.length]) {
    const short = new TextDecoder().decode(new TextEncoder().encode(text).slice(0, bytes));
    const closed = server(plain, [{ bytes, end: "close" }], { echo: false });
    assert.equal(await (await over(closed)(CHAT, posted())).text(), short);
    const broken = server(plain, [{ bytes, end: "break" }], { echo: false });
    const response = await over(broken)(CHAT, posted());
    await assert.rejects(response.text(), /terminated/);
    assert.equal(closed.calls.length + broken.calls.length, 2);
  }
});

test("a server that begins again instead of going on is not spliced in", async () => {
  const { fetch } = server(EVENTS, [{ bytes: LENGTH - 100, end: "break" }, {}]);
  const forgetful = (url, init) => {
    const headers = new Headers(init.headers);
    const resumed = headers.has("last-event-id");
    headers.delete("last-event-id");
    return fetch(url, { ...init, headers, resumed });
  };
  const response = await resumingFetch({ fetch: forgetful })(CHAT, posted());
  await assert.rejects(response.text(), /began again/);
});

test("whole answers: a loss before or within them is the same call again", async () => {
  const answer = JSON.stringify({ choices: [] });
  const json = { headers: { "content-type": "application/json" } };
  const within = () => new Response(bodyOf([answer.slice(0, 5)], "break").stream, json);
  const scripted = server([], ["lost", within, () => new Response(answer, json)]);
  const response = await over(scripted)(CHAT, posted({ model: "m", messages: [] }));
  assert.deepEqual(await response.json(), { choices: [] });
  assert.equal(new Set(scripted.keys()).size, 1);
});

test("a poll is asked again, without a key", async () => {
  const scripted = server([], ["lost", "lost", () => new Response('{"status":"completed"}')]);
  const response = await over(scripted)("http://broker.test/v1/responses/resp_1");
  assert.deepEqual(await response.json(), { status: "completed" });
  assert.deepEqual(scripted.keys(), [null, null, null]);
});

test("what is no generation is passed on untouched", async () => {
  const seen = [];
  const fetch = resumingFetch({
    fetch: async (...args) => {
      seen.push(args);
      return new Response("{}");
    },
  });
  const form = { method: "POST", body: new FormData() };
  const odd = { method: "POST", body: "not JSON" };
  await fetch("http://broker.test/v1/models");
  await fetch("http://broker.test/v1/files", form);
  await fetch(CHAT, form);
  await fetch(CHAT, odd);
  assert.deepEqual(seen.map(([, init]) => init), [{}, form, form, odd]);
});

test("a Request, bytes and a URL are taken as well", async () => {
  const init = posted();
  for (const [input, more] of [
    [new Request(CHAT, init)],
    [new URL(CHAT), { ...init, body: new TextEncoder().encode(init.body) }],
    [CHAT, { ...init, body: new TextEncoder().encode(init.body).buffer }],
  ]) {
    const scripted = server(EVENTS, [{ bytes: 200, end: "break" }, {}]);
    assert.equal(await (await over(scripted)(input, more)).text(), WHOLE);
    assert.equal(scripted.calls[1].headers.get("content-type"), "application/json");
    assert.equal(new TextDecoder().decode(scripted.calls[1].body), init.body);
  }
});

test("other options of fetch, and what a response says of itself, go through", async () => {
  let given;
  const fetch = resumingFetch({
    fetch: async (_, init) => {
      given = init;
      return sse(EVENTS.join(""), { "x-more": "yes" });
    },
  });
  const response = await fetch(CHAT, { ...posted(), credentials: "include", dispatcher: 7 });
  assert.equal(given.credentials, "include");
  assert.equal(given.dispatcher, 7);
  assert.equal(response.headers.get("x-more"), "yes");
  assert.equal(await response.text(), WHOLE);
});

test("an abort closes at once: while waiting, between reads, in a pause", async () => {
  const hanging = server(EVENTS, [() => new Promise(() => {})]);
  const early = new AbortController();
  const never = over(hanging)(CHAT, { ...posted(), signal: early.signal });
  early.abort();
  await assert.rejects(never, { name: "AbortError" });

  const silent = server(EVENTS, [{ bytes: 200, end: "hang" }]);
  const controller = new AbortController();
  const response = await over(silent)(CHAT, { ...posted(), signal: controller.signal });
  const reader = response.body.getReader();
  await reader.read();
  const pending = reader.read();
  controller.abort(new Error("enough"));
  await assert.rejects(pending, /enough/);
  assert.ok(silent.bodies[0].cancelled);

  const pausing = server(EVENTS, [() => refusal(503, { "retry-after": "50" })]);
  const late = new AbortController();
  const waiting = over(pausing)(CHAT, { ...posted(), signal: late.signal });
  setImmediate(() => late.abort());
  await assert.rejects(waiting, { name: "AbortError" });

  const before = AbortSignal.abort();
  await assert.rejects(over(pausing)(CHAT, { ...posted(), signal: before }), { name: "AbortError" });
  assert.equal(pausing.calls.length, 1);
});

test("cancelling the body closes the connection, read from or not", async () => {
  for (const reads of [0, 1]) {
    const scripted = server(EVENTS, [{ end: "hang" }], { pieces: 3 });
    const response = await over(scripted)(CHAT, posted());
    const reader = response.body.getReader();
    for (let n = 0; n < reads; n++) await reader.read();
    await reader.cancel();
    assert.ok(scripted.bodies[0].cancelled);
    assert.equal(scripted.calls.length, 1);
  }
});

test("nothing is read that nobody asked for", async () => {
  const scripted = server(chatEvents(50), [{}], { pieces: 50 });
  const response = await over(scripted)(CHAT, posted());
  const reader = response.body.getReader();
  await reader.read();
  const { pulled } = scripted.bodies[0];
  assert.ok(pulled <= 3, `${pulled} reads`);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(scripted.bodies[0].pulled, pulled);
  await reader.cancel();
});

test("silence is a loss where the stream can be resumed", async () => {
  const scripted = server(EVENTS, [{ bytes: 200, end: "hang" }, {}]);
  const response = await over(scripted, { idle: 50 })(CHAT, posted());
  assert.equal(await response.text(), WHOLE);
});

test("after the terminal nothing is waited for long, and nothing lost", async () => {
  for (const end of ["break", "hang"]) {
    const scripted = server(EVENTS, [{ end }]);
    assert.equal(await (await over(scripted)(CHAT, posted())).text(), WHOLE);
    assert.equal(scripted.calls.length, 1);
  }
});

test("a job's own events are resumed; a server's 'come again' is not part of them", async () => {
  const native = ["id: 1\ndata: {}\n\n", 'id: 2\nevent: end\ndata: {"state":"completed"}\n\n'];
  const draining = () => sse(`${native[0]}event: retry\nretry: 1\nid: 1\ndata: {}\n\n`);
  const still = () => sse("event: retry\nretry: 1\nid: 1\ndata: {}\n\n");
  const scripted = server(native, [draining, still, {}]);
  const response = await over(scripted)("http://broker.test/v1/jobs/j/events");
  assert.equal(await response.text(), native.join(""));
  const cursors = scripted.calls.map(({ headers }) => headers.get("last-event-id"));
  assert.deepEqual(cursors, [null, "1", "1"]);
});

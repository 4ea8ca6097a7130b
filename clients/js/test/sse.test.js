/** The splitter against the one rule that it must keep: bytes in, the same bytes out. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { parseEvent, Splitter } from "../src/sse.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const TEXTS = {
  lf: ": ping\nid: 1\ndata: a\n\nevent: x\nid: 2\ndata: b\ndata: é\n\n: ping\n\nid: 3\ndata: c\n\n",
  crlf: ": ping\r\nid: 1\r\ndata: a\r\n\r\nid: 2\r\ndata: b\r\n\r\n",
  cr: "id: 1\rdata: a\r\rid: 2\rdata: b\r\r",
};

function split(chunks) {
  const splitter = new Splitter();
  const blocks = chunks.flatMap((chunk) => splitter.push(chunk));
  return { texts: blocks.map(({ bytes }) => decoder.decode(bytes)), rest: splitter.rest(), blocks };
}

for (const [name, text] of Object.entries(TEXTS)) {
  test(`${name}: wherever the network cuts, the blocks are the same`, () => {
    const bytes = encoder.encode(text);
    const whole = split([bytes]);
    assert.equal(whole.texts.join(""), text);
    assert.equal(whole.rest.length, 0);
    for (let a = 0; a <= bytes.length; a++) {
      for (let b = a; b <= bytes.length; b++) {
        const chunks = [bytes.slice(0, a), bytes.slice(a, b), bytes.slice(b)];
        assert.deepEqual(split(chunks).texts, whole.texts);
      }
    }
  });

  test(`${name}: a text that is cut gives its whole events, and the rest apart`, () => {
    const bytes = encoder.encode(text);
    const all = split([bytes]).texts;
    for (let cut = 0; cut < bytes.length; cut++) {
      const { texts, rest } = split([...bytes.slice(0, cut)].map((byte) => Uint8Array.of(byte)));
      assert.deepEqual(texts, all.slice(0, texts.length));
      assert.equal(texts.join("") + decoder.decode(rest), decoder.decode(bytes.slice(0, cut)));
    }
  });
}

test("a keep-alive does not wait for the next event", () => {
  assert.deepEqual(split([encoder.encode(": ping\n")]).texts, [": ping\n"]);
});

test("a long event in small pieces is one event", () => {
  const text = `id: 7\ndata: ${"x".repeat(300_000)}\n\n`;
  const chunks = [];
  for (let at = 0; at < text.length; at += 1000) chunks.push(encoder.encode(text.slice(at, at + 1000)));
  const { texts, blocks } = split(chunks);
  assert.deepEqual(texts, [text]);
  assert.equal(blocks[0].event.id, "7");
});

test("fields are read as the standard says", () => {
  const read = (text) => parseEvent(encoder.encode(text));
  assert.deepEqual(read("event: end\nid: 4\nretry: 250\ndata:  a\ndata:b\ndata\n\n"), {
    id: "4",
    type: "end",
    data: " a\nb\n",
    retry: 250,
  });
  assert.equal(read("id: a\0b\n\n").id, undefined);
  assert.equal(read("retry: soon\n\n").retry, undefined);
  assert.equal(read(": data: x\n\n").data, undefined);
});

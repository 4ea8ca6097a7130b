/**
 * Server-sent events, cut at their borders.
 *
 * What is passed on are whole blocks of the very bytes that came in: an event up to and with its
 * blank line, or a comment line that stands before one (a keep-alive must not wait for the next
 * event). Whatever follows the last border is unfinished, and is never passed on unless asked
 * for: a reader that resumes receives the event again whole.
 *
 * Lines end in LF, CRLF or CR. A CR at the end of what has come may be half a CRLF, so it is
 * waited for; where the stream's lines were seen to end in CR alone it is not.
 *
 * @module
 */

const LF = 10;
const CR = 13;
const COLON = 58;

/**
 * One event as the HTML standard reads it.
 *
 * @typedef {object} ParsedEvent
 * @property {string | undefined} id this event's own `id:`; undefined if it has none
 * @property {string} type the `event:`, or "" if there is none
 * @property {string | undefined} data the `data:` lines; undefined if there is none
 * @property {number | undefined} retry the `retry:` in milliseconds
 */

/**
 * @typedef {object} Block
 * @property {Uint8Array} bytes as they came, ends of lines included
 * @property {ParsedEvent} event with nothing in it, for a comment or a stray blank line
 */

/**
 * @param {Uint8Array} bytes one block
 * @returns {ParsedEvent}
 */
export function parseEvent(bytes) {
  /** @type {ParsedEvent} */
  const event = { id: undefined, type: "", data: undefined, retry: undefined };
  for (const line of new TextDecoder().decode(bytes).split(/\r\n|\r|\n/)) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    if (name === "data") event.data = event.data === undefined ? value : `${event.data}\n${value}`;
    else if (name === "event") event.type = value;
    else if (name === "id" && !value.includes("\0")) event.id = value;
    else if (name === "retry" && /^\d{1,9}$/.test(value)) event.retry = Number(value);
  }
  return event;
}

/** Takes bytes as the network cuts them, and gives them back as whole blocks. */
export class Splitter {
  #buffer = new Uint8Array(1024);
  #start = 0; // of the block that is unfinished
  #line = 0; // of the line that is unfinished
  #scanned = 0; // everything before has been looked at
  #end = 0; // of what has come
  #lone = false; // the line before ended in a CR alone

  /**
   * @param {Uint8Array} chunk
   * @returns {Block[]} the blocks that it completes
   */
  push(chunk) {
    this.#append(chunk);
    /** @type {Block[]} */
    const blocks = [];
    while (this.#scanned < this.#end) {
      const byte = this.#buffer[this.#scanned];
      if (byte !== LF && byte !== CR) {
        this.#scanned++;
        continue;
      }
      const last = this.#scanned + 1 === this.#end;
      const empty = this.#scanned === this.#line;
      if (byte === CR && last && !(empty && this.#lone)) break;
      const pair = byte === CR && !last && this.#buffer[this.#scanned + 1] === LF;
      const comment = this.#line === this.#start && this.#buffer[this.#line] === COLON;
      this.#lone = byte === CR && !pair;
      this.#scanned += pair ? 2 : 1;
      this.#line = this.#scanned;
      if (empty || comment) blocks.push(this.#take());
    }
    return blocks;
  }

  /** @returns {Uint8Array} what is unfinished; forgotten with this */
  rest() {
    const bytes = this.#buffer.slice(this.#start, this.#end);
    this.#start = this.#line = this.#scanned = this.#end = 0;
    return bytes;
  }

  /** @returns {Block} */
  #take() {
    const bytes = this.#buffer.slice(this.#start, this.#scanned);
    this.#start = this.#scanned;
    return { bytes, event: parseEvent(bytes) };
  }

  // The buffer doubles, so that a long event in small pieces is copied a few times only.
  /** @param {Uint8Array} chunk */
  #append(chunk) {
    const held = this.#end - this.#start;
    if (this.#end + chunk.length > this.#buffer.length) {
      const fits = held + chunk.length <= this.#buffer.length / 2;
      const target = fits ? this.#buffer : new Uint8Array(2 * (held + chunk.length));
      target.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = target;
      this.#line -= this.#start;
      this.#scanned -= this.#start;
      this.#start = 0;
      this.#end = held;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }
}

/**
 * A reader's place in a stream, over many connections.
 *
 * A frame may be several events. All but its last bear the number before it, and who loses the
 * connection among them gets all of them again. So what was passed on under the cursor's own
 * number is kept, and left out when it comes again.
 *
 * @module
 */

export class Place {
  /** @type {Uint8Array[]} */
  #passed = []; // the events that bear the cursor's number
  /** @type {Uint8Array[]} */
  #repeated = []; // those of them that may come again on this connection
  #resumed = false;

  /** @param {string | undefined} cursor the id of the last event that the reader has */
  constructor(cursor) {
    this.cursor = cursor;
  }

  /** What comes from here on is another connection's. */
  resume() {
    this.#resumed = true;
    this.#repeated = [...this.#passed];
  }

  /**
   * @param {string} id of an event
   * @param {Uint8Array} bytes of all of it
   * @returns {boolean} whether it is new
   * @throws {Backwards}
   */
  take(id, bytes) {
    const step = stepOf(this.cursor, id);
    if (step < 0 && this.#resumed) throw new Backwards();
    if (step !== 0) [this.#passed, this.#repeated] = [[], []];
    else if (this.#isRepeated(bytes)) return false;
    this.#passed.push(bytes);
    this.cursor = id;
    return true;
  }

  /**
   * Those that come again do so in order and to the byte. The first that was passed on may be
   * missing: it was the last of its own frame, which is whole.
   *
   * @param {Uint8Array} bytes of an event that bears the cursor's number
   */
  #isRepeated(bytes) {
    if (!this.#repeated.length) return false;
    const place = this.#repeated.findIndex((passed) => isSame(passed, bytes));
    const first = this.#repeated.length === this.#passed.length;
    if (place > (first ? 1 : 0) || (place < 0 && this.#passed.length > 1)) throw new Backwards();
    this.#repeated = place < 0 ? [] : this.#repeated.slice(place + 1);
    return place >= 0;
  }
}

/** The server sent again what had already come: whatever follows is another stream. */
export class Backwards extends Error {
  constructor() {
    super("The server began again instead of going on after the last event");
  }
}

/**
 * @param {string | undefined} cursor
 * @param {string} id
 * @returns {number} how far it is after the cursor; 1 for what are no numbers
 */
function stepOf(cursor = "0", id) {
  const number = /^\d+$/;
  return number.test(cursor) && number.test(id) ? Number(id) - Number(cursor) : 1;
}

/**
 * @param {Uint8Array} one
 * @param {Uint8Array} other
 */
function isSame(one, other) {
  return one.length === other.length && one.every((byte, place) => byte === other[place]);
}

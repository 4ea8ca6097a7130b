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
    /** @param {string | undefined} cursor the id of the last event that the reader has */
    constructor(cursor: string | undefined);
    cursor: string | undefined;
    /** What comes from here on is another connection's. */
    resume(): void;
    /**
     * @param {string} id of an event
     * @param {Uint8Array} bytes of all of it
     * @returns {boolean} whether it is new
     * @throws {Backwards}
     */
    take(id: string, bytes: Uint8Array): boolean;
    #private;
}
/** The server sent again what had already come: whatever follows is another stream. */
export class Backwards extends Error {
    constructor();
}

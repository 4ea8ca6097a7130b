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
export function parseEvent(bytes: Uint8Array): ParsedEvent;
/** Takes bytes as the network cuts them, and gives them back as whole blocks. */
export class Splitter {
    /**
     * @param {Uint8Array} chunk
     * @returns {Block[]} the blocks that it completes
     */
    push(chunk: Uint8Array): Block[];
    /** @returns {Uint8Array} what is unfinished; forgotten with this */
    rest(): Uint8Array;
    #private;
}
/**
 * One event as the HTML standard reads it.
 */
export type ParsedEvent = {
    /**
     * this event's own `id:`; undefined if it has none
     */
    id: string | undefined;
    /**
     * the `event:`, or "" if there is none
     */
    type: string;
    /**
     * the `data:` lines; undefined if there is none
     */
    data: string | undefined;
    /**
     * the `retry:` in milliseconds
     */
    retry: number | undefined;
};
export type Block = {
    /**
     * as they came, ends of lines included
     */
    bytes: Uint8Array;
    /**
     * with nothing in it, for a comment or a stray blank line
     */
    event: ParsedEvent;
};

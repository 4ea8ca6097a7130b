/**
 * @param {Headers} headers
 * @returns {number | undefined} the `Retry-After` in milliseconds from now
 */
export function retryAfter(headers: Headers): number | undefined;
export class Patience {
    /** @param {number} most milliseconds without progress */
    constructor(most: number);
    /** Milliseconds until it ends, 0 at least. */
    get left(): number;
    /** Something came. */
    renew(): void;
    /**
     * The server's `retry:`, from now on.
     * @param {number} milliseconds
     */
    suggest(milliseconds: number): void;
    /**
     * Something was lost.
     *
     * @param {number | undefined} asked the pause that the server asked for, in milliseconds
     * @returns {number | undefined} the pause before the next try; undefined if there is none
     */
    pause(asked: number | undefined): number | undefined;
    #private;
}

/**
 * @typedef {object} Saying what makes two calls the same, as far as anyone can see
 * @property {string} text the request: its address, credentials and body
 * @property {number | undefined} count which retry it says it is; undefined if it doesn't say
 */
/**
 * @param {string} url
 * @param {Headers} headers
 * @param {string} body
 * @returns {Saying}
 */
export function sayingOf(url: string, headers: Headers, body: string): Saying;
/** @returns {string} a request id; `crypto.randomUUID` is missing on plain HTTP */
export function newKey(): string;
export class OwedKeys {
    /** @param {number} window milliseconds that a key is owed to calls without a count */
    constructor(window: number);
    /**
     * A call got no answer.
     *
     * @param {Saying} saying
     * @param {string} key
     * @param {boolean} left the caller gave it up itself
     */
    owe(saying: Saying, key: string, left: boolean): void;
    /**
     * @param {Saying} saying
     * @returns {string | undefined} the key that the call is to take over
     */
    claim(saying: Saying): string | undefined;
    #private;
}
/**
 * what makes two calls the same, as far as anyone can see
 */
export type Saying = {
    /**
     * the request: its address, credentials and body
     */
    text: string;
    /**
     * which retry it says it is; undefined if it doesn't say
     */
    count: number | undefined;
};

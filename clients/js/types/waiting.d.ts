/**
 * Waiting that an abort ends at once.
 *
 * @module
 */
/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal its reason is thrown, at once
 * @returns {Promise<void>}
 */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
/**
 * Nothing of it stays with a signal that outlives the promise: streams are long.
 *
 * @template T
 * @param {Promise<T>} coming
 * @param {AbortSignal} signal
 * @returns {Promise<T>} the same, but rejected as soon as the signal is aborted
 */
export function unlessAborted<T>(coming: Promise<T>, signal: AbortSignal): Promise<T>;

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
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/**
 * Nothing of it stays with a signal that outlives the promise: streams are long.
 *
 * @template T
 * @param {Promise<T>} coming
 * @param {AbortSignal} signal
 * @returns {Promise<T>} the same, but rejected as soon as the signal is aborted
 */
export function unlessAborted(coming, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    coming.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

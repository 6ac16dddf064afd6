/**
 * Listening for the end of an `AbortSignal`. An application gives one signal to as many sends and consumers as it likes,
 * and Node warns of a leak when a signal has more than ten listeners: so each signal has one listener of ours, for all who
 * wait for it, and none when nobody does.
 */
const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls `listener` once when the signal aborts, unless it was taken back before: by the function that is returned. A signal
 * that has aborted, or none, calls nobody.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal || signal.aborted) return () => undefined
  let listeners = waiting.get(signal)
  if (!listeners) {
    listeners = new Set()
    waiting.set(signal, listeners)
  }
  if (listeners.size === 0) signal.addEventListener('abort', announce, { once: true })
  // One that is given twice is called twice.
  const own = () => listener()
  listeners.add(own)
  return () => {
    if (listeners.delete(own) && listeners.size === 0) signal.removeEventListener('abort', announce)
  }
}

function announce(this: AbortSignal): void {
  const listeners = waiting.get(this)
  waiting.delete(this)
  for (const listener of listeners ?? []) listener()
}

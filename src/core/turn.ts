/** Giving the event loop a turn: timers and I/O run before the promise resolves. */

type Schedule = (callback: () => void) => void

const { setImmediate: immediate } = globalThis as { setImmediate?: Schedule }
const schedule: Schedule = immediate
  ? (callback) => immediate(callback)
  : (callback) => void setTimeout(callback, 0)

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => schedule(resolve))
}

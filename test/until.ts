/** Waiting for what happens in its own time: in another process, at the other end of a socket, after a timeout. */
import { setTimeout as milliseconds } from 'node:timers/promises'

/**
 * Resolves when `isTrue` holds; whoever waits longer than its test may is told by the test's own timeout. Asked again a
 * millisecond after each no, for asking in every turn of the event loop takes a core from what is waited for.
 */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await milliseconds(1)
}

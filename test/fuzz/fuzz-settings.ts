/**
 * How much is fuzzed, and from where: FUZZ_SEED repeats a run, FUZZ_CASES lengthens it. Every failure names its seed.
 */
import { amount, seedOfTheDay } from '../amount.ts'

export const fuzzSeed = amount(1, seedOfTheDay, 'FUZZ_SEED')

/** `npm run test:long` does many times what `npm test` does. */
export function fuzzCases(inNpmTest: number, atLength = inNpmTest * 50): number {
  return amount(inNpmTest, atLength, 'FUZZ_CASES')
}

/** Runs one case; an error of any kind tells how to repeat it. */
export async function repeatable<T>(
  seed: number,
  what: string,
  run: () => T | Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${what} (repeat with FUZZ_SEED=${fuzzSeed}, case ${seed}): ${reason}`, {
      cause,
    })
  }
}

/**
 * How much is fuzzed, and from where: FUZZ_SEED repeats a run, FUZZ_CASES lengthens it. Every failure names its seed.
 */
const seedGiven = process.env.FUZZ_SEED
const casesGiven = process.env.FUZZ_CASES

/** Another seed every day, so that `npm test` looks elsewhere in time and two runs of one day agree. */
export const fuzzSeed = seedGiven ? Number(seedGiven) : Math.floor(Date.now() / 86_400_000)

/** `npm run fuzz` multiplies what `npm test` does. */
export function fuzzCases(inNpmTest: number): number {
  return casesGiven ? Number(casesGiven) : inNpmTest
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

/**
 * How much is simulated, killed and fuzzed: a short form in `npm test`, which must stay within minutes, the whole in
 * `npm run test:long`. The same tests, by one setting.
 */
export const isLong = process.env.TEST_AMOUNT === 'long'

/** A number that the environment may set, for looking closer: `SIMULATION_WORKLOADS=50 npm run test:long -- lives`. */
export function amount(inNpmTest: number, atLength: number, variable?: string): number {
  const given = variable === undefined ? undefined : process.env[variable]
  if (given) return Number(given)
  return isLong ? atLength : inNpmTest
}

/** Another one every day, so that tests look elsewhere in time, and two runs of one day agree; failures name it. */
export const seedOfTheDay = Math.floor(Date.now() / 86_400_000)

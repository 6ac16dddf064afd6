/**
 * The fuzzer at length: `npm run fuzz [-- CASES]`, 30,000 of each kind by default. FUZZ_SEED says with which seed to begin
 * (default: another one each day); a failure names the seed and the case that repeat it.
 */
import { spawnSync } from 'node:child_process'

const cases = process.argv[2] ?? '30000'
const seed = process.env.FUZZ_SEED ?? String(Math.floor(Date.now() / 86_400_000))
console.log(`fuzzing with ${cases} cases of each kind from seed ${seed}`)
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'test/fuzz', '--disable-console-intercept', '--testTimeout=86400000'],
  { stdio: 'inherit', env: { ...process.env, FUZZ_SEED: seed, FUZZ_CASES: cases } },
)
process.exitCode = status ?? 1

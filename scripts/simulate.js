/**
 * The crash simulation at length: `npm run simulate [-- WORKLOADS]`, 20 workloads by default, each crashed at every one of its
 * storage calls. SIMULATION_SEED says with which seed to begin (default: another one each day).
 */
import { spawnSync } from 'node:child_process'

const workloads = process.argv[2] ?? '20'
const seed = process.env.SIMULATION_SEED ?? String(Math.floor(Date.now() / 86_400_000))
console.log(`simulating ${workloads} workloads from seed ${seed}`)
const { status } = spawnSync(
  'npx',
  ['vitest', 'run', 'test/simulation/lives.test.ts', '--disable-console-intercept'],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      SIMULATION_SEED: seed,
      SIMULATION_WORKLOADS: workloads,
      SIMULATION_STRIDE: '1',
    },
  },
)
process.exitCode = status ?? 1

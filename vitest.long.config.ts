import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes minutes, the longest first: begun last, one of them alone would keep all other cores waiting. */
const longest = [
  ...['simulation/power-failures', 'simulation/failing-disk', 'simulation/lives'],
  ...['damage/damage', 'streams/kills', 'streams/crashes', 'fuzz/'],
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.includes(`/test/${name}`))
      return found < 0 ? longest.length : found
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

/**
 * `npm run test:long`: simulations, damage, kills, few files, fuzzing and random trials at length, and the client's suite
 * over TCP and HTTP. `npm run test:long -- lives` runs one of them; a failure names the seed that repeats it.
 */
export default defineConfig({
  test: {
    env: { TEST_AMOUNT: 'long' },
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    maxWorkers: Math.max(2, availableParallelism()),
    sequence: { sequencer: LongestFirst },
    experimental: { fsModuleCache: true },
    // Whoever waits sees how far it is.
    disableConsoleIntercept: true,
    reporters: ['verbose'],
    projects: [
      {
        extends: true,
        test: {
          name: 'long',
          include: [
            'test/{simulation,damage,exactly-once,files,fuzz,interrupts}/**/*.test.ts',
            'test/client/*faults.test.ts',
            'test/client/examples.test.ts',
            'test/flights.test.ts',
            'test/package/{package,types}.test.ts',
            'test/log/partition-log.test.ts',
            'test/streams/{crashes,kills,predicate-join,windows-properties,task-assignor.model}.test.ts',
            'test/streams/joins/*.model.test.ts',
            'test/streams/state/{kills,store-contract}.test.ts',
            'src/broker/transaction/transaction-walks.test.ts',
            'src/broker/fetch/session-views.test.ts',
            'src/protocol/{compression,records}/*.test.ts',
            'test/server/slow-clients.test.ts',
            'test/http/kills.test.ts',
          ],
          provide: { connection: 'embedded' },
        },
      },
      {
        extends: true,
        test: {
          name: 'client, served',
          include: ['test/client/*.test.ts'],
          exclude: ['test/client/*faults.test.ts'],
          provide: { connection: 'served' },
        },
      },
      {
        extends: true,
        test: {
          name: 'client, http',
          include: ['test/client/*.test.ts'],
          exclude: ['test/client/*faults.test.ts'],
          provide: { connection: 'http' },
        },
      },
      {
        extends: true,
        test: {
          name: 'client, HTTP gateway',
          include: ['test/client/*.test.ts'],
          exclude: ['test/client/*faults.test.ts'],
          provide: { connection: 'gateway' },
        },
      },
    ],
  },
})

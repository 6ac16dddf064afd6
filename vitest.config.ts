import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const clientTests = 'test/client/*.test.ts'
/** How an application's disk and way to the broker fail or dawdle: made inside the process, whatever the connection. */
const faultTests = 'test/client/*faults.test.ts'

/**
 * Of the client's suite, what goes the same way to a server as to an embedded broker once a record or a request is on its
 * way. Over TCP these run in `npm run test:long`.
 */
const servedAtLength = 'test/client/!(admin|consume|group*|produce|transactions).test.ts'

/** Processes that are killed, and strangers at a listener: `npm run test:long`. */
const killed = [
  'test/{exactly-once,streams,streams/state,http}/{kills,exactly-once}.test.ts',
  'test/fuzz/listener.test.ts',
]

/** Over HTTP the whole suite runs in `npm run test:long`, beside the tests of `test/http` here. */
const httpTests = 'test/client/produce.test.ts'

/**
 * `npm test`: what needs only Node and npm, with simulations and fuzzing in their short form. The wider tiers have
 * configs of their own. The client's suite runs over every connection that is to be had here, the embedded broker first.
 */
export default defineConfig({
  test: {
    // Simulations and child processes share two cores with everything else on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One more than there are cores, as a third of the time tests wait: for child processes, sockets and timeouts.
    maxWorkers: availableParallelism() + 1,
    // The files of a worker share the modules that they import: loading them anew for each took a quarter of the time.
    // So a test leaves no global changed behind (a patched clock, an environment variable).
    isolate: false,
    // Workers of another project load them anew, so there are as few projects as there are connections; what TypeScript
    // becomes is kept between them, and between two runs.
    experimental: { fsModuleCache: true },
    projects: [
      {
        extends: true,
        test: {
          name: 'system',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [
            'test/{kafka,runtimes,bundlers,browser}/**',
            ...killed,
            // Other projects' clients: `npm run conformance`.
            'test/conformance/{java,librdkafka,npm,platformatic}/**',
          ],
          provide: { connection: 'embedded' },
        },
      },
      {
        extends: true,
        test: {
          name: 'client, served',
          include: [clientTests],
          exclude: [faultTests, servedAtLength],
          provide: { connection: 'served' },
        },
      },
      {
        extends: true,
        test: {
          name: 'client, http',
          include: [httpTests],
          provide: { connection: 'http' },
        },
      },
    ],
  },
})

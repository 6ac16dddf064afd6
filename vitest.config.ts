import { defineConfig } from 'vitest/config'

const clientTests = ['test/client/*.test.ts']
/** How an application's disk and way to the broker fail or dawdle: made inside the process, whatever the connection. */
const faultTests = 'test/client/*faults.test.ts'

/**
 * What needs only Node and npm. The wider tiers have configs of their own. The client's suite runs over every connection
 * that is to be had here.
 */
export default defineConfig({
  test: {
    // Simulations and child processes share two cores with everything else on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: [
            ...clientTests,
            'test/{kafka,runtimes}/**',
            'test/conformance/{java,librdkafka}/**',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'client, embedded',
          include: clientTests,
          provide: { connection: 'embedded' },
        },
      },
      {
        extends: true,
        test: {
          name: 'client, served',
          include: clientTests,
          exclude: [faultTests],
          provide: { connection: 'served' },
        },
      },
    ],
  },
})

import { defineConfig } from 'vitest/config'

/** What needs only Node and npm. The wider tiers have configs of their own. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['test/kafka/**', 'test/conformance/{java,librdkafka}/**'],
    // Simulations and child processes share two cores with everything else on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

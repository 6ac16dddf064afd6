import { defineConfig } from 'vitest/config'

/** Not tests: vitest runs these because they share the tests' TypeScript for starting Apache Kafka and its tools. */
export default defineConfig({
  test: {
    include: ['bench/kafka/**/*.bench.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    disableConsoleIntercept: true,
  },
})

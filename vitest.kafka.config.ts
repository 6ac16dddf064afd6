import { defineConfig } from 'vitest/config'

/** Our client against a real Apache Kafka (KRaft, one node, on loopback), fetched from Maven Central. */
export default defineConfig({
  test: {
    include: ['test/kafka/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
})

import { defineConfig } from 'vitest/config'

/** Our client against a real Apache Kafka (KRaft, one node, on loopback), fetched from Maven Central. */
export default defineConfig({
  test: {
    testTimeout: 180_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    // Writes docs/compatibility.md.
    reporters: ['default', ['./test/conformance/compatibility-reporter.ts', { tier: 'kafka' }]],
    projects: [
      { extends: true, test: { name: 'kafka', include: ['test/kafka/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'client, Apache Kafka',
          include: ['test/client/*.test.ts'],
          exclude: ['test/client/*faults.test.ts'],
          globalSetup: ['test/client/apache-setup.ts'],
          provide: { connection: 'apache' },
        },
      },
      {
        extends: true,
        test: {
          name: 'client, HTTP gateway, Apache Kafka',
          include: ['test/client/*.test.ts'],
          exclude: ['test/client/*faults.test.ts'],
          globalSetup: ['test/client/apache-setup.ts'],
          provide: { connection: 'apache-gateway' },
        },
      },
    ],
  },
})

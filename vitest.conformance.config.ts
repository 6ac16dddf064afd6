import { defineConfig } from 'vitest/config'

/** Foreign clients against our broker. Installs what it needs: Java's tools from Maven, librdkafka from Debian and PyPI. */
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 600_000,
    fileParallelism: false,
    // Writes docs/compatibility.md.
    reporters: [
      'default',
      ['./test/conformance/compatibility-reporter.ts', { tier: 'conformance' }],
    ],
  },
})

import { defineConfig } from 'vitest/config'

/** The console in Debian's Chromium, which is fetched. `UPDATE_DOCS=1` makes the pictures of docs/images anew. */
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 120_000,
    // Three attempts at what is fetched.
    hookTimeout: 900_000,
    fileParallelism: false,
  },
})

import { defineConfig } from 'vitest/config'

/** The packed package on Node, Bun and Deno, which are fetched from npm. Writes the table of docs/runtimes.md. */
export default defineConfig({
  test: {
    include: ['test/runtimes/**/*.test.ts'],
    testTimeout: 120_000,
    // Three attempts at each of what is fetched.
    hookTimeout: 900_000,
    fileParallelism: false,
  },
})

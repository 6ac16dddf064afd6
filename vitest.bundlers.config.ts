import { defineConfig } from 'vitest/config'

/** The packed package in bundles of esbuild, webpack, rollup and Next.js, which are fetched from npm. */
export default defineConfig({
  test: {
    include: ['test/bundlers/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
})

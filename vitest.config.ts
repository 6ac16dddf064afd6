import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Simulations and child processes share two cores with everything else on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Native code runs in child processes of the runner: a crash names the file that caused it.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})

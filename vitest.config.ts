import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Native code runs in child processes of the runner: a crash names the file that caused it.
    pool: 'forks',
    reporters: process.env.CI ? ['dot'] : ['default'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})

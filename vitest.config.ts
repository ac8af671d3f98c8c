import { defineConfig } from 'vitest/config'

const OWN_WARNINGS = ['QWEN3GUARD_DEMO', 'QWEN3GUARD_ON_LOG', 'QWEN3GUARD_THREADS']

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Native code runs in child processes of the runner: a crash names the file that caused it.
    pool: 'forks',
    // What tests bring about by intent is not printed: the package's own warnings. Programs that tests start print theirs, and
    // listeners of `process.on('warning')` hear all.
    execArgv: OWN_WARNINGS.map((code) => `--disable-warning=${code}`),
    reporters: process.env.CI ? ['dot'] : ['default'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})

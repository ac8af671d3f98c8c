import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cli } from '../support/cli.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const has = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0

describe('completion', () => {
  it.runIf(has('bash'))('completes commands, options and their values in bash', async () => {
    const script = join(directory, 'completion.bash')
    writeFileSync(script, (await cli(['completion', 'bash'])).stdout)
    const complete = (...words: string[]) => {
      const program = `source '${script}'; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _qwen3guard; echo "\${COMPREPLY[@]}"`
      const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', program], { encoding: 'utf8' })
      expect(stderr).toBe('')
      return stdout.trim().split(' ')
    }
    expect(complete('qwen3guard', 'b')).toEqual(['batch', 'build'])
    expect(complete('qwen3guard', 'batch', 'rows.jsonl', '--out')).toEqual(['--out', '--out-format'])
    expect(complete('qwen3guard', 'batch', '--mode', '')).toEqual(['strict', 'loose'])
    expect(complete('qwen3guard', 'merge', '--mode', '--o')).toEqual(['--out-format'])
    expect(complete('qwen3guard', 'batch', `${directory}/compl`)).toEqual([script])
  })

  it.each(['zsh', 'fish'])('prints a script for %s that it can read', async (shell) => {
    const { code, stdout } = await cli(['completion', shell])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      shell === 'zsh' ? /'--mode\[.*\]:value:\(strict loose\)'/ : /-l mode -x -a 'strict loose'/,
    )
    if (!has(shell)) return
    const script = join(directory, `completion.${shell}`)
    writeFileSync(script, stdout)
    expect(spawnSync(shell, ['-n', script], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })

  it('knows no other shell', async () => {
    expect((await cli(['completion', 'tcsh'])).code).toBe(2)
  })
})

import { spawn } from 'node:child_process'
import path from 'node:path'
import type { Command } from 'commander'
import { packageRoot } from '../binding/package-root.js'
import { EXIT, type Run } from './exit.js'

const HELP = `
Takes a C++17 compiler, cmake 3.21 or newer, git and, once, the npm registry. The addon is put where it is loaded from, in the
package's folder, and tried before the command ends. For package managers that run no install scripts.

Examples:
  $ qwen3guard build
  $ qwen3guard build --gpu vulkan`

export function addBuild(program: Command, run: Run): void {
  program
    .command('build')
    .description('build the native addon from source, for this CPU')
    .option('--gpu <names>', 'back ends to build an addon with besides: cuda, vulkan, metal, or none')
    .option('--flavour <name>', 'the flavour to build, instead of the fastest that this CPU runs')
    .option('-D <name=value...>', 'definitions for CMake, such as GGML_NATIVE=ON')
    .addHelpText('after', HELP)
    .action(async ({ gpu, flavour, D = [] }: { gpu?: string; flavour?: string; D?: string[] }) => {
      const words = [
        ...(gpu === undefined ? [] : ['--gpu', gpu]),
        ...(flavour === undefined ? [] : ['--flavour', flavour]),
        ...D.map((definition) => `-D${definition}`),
      ]
      const script = path.join(packageRoot().folder, 'scripts', 'build.mjs')
      const code = await new Promise<number | null>((resolve, reject) => {
        // It hears of Ctrl-C from the terminal, or is ended here.
        const child = spawn(process.execPath, [script, ...words], { stdio: 'inherit', signal: run.signal })
        child.on('error', reject)
        child.on('close', resolve)
      })
      if (code !== 0) run.exitCode = EXIT.error
    })
}

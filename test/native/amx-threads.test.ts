import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()

// A machine with 64 CPUs, whose system gives `spare` threads and no more. Prints the threads that took part, how many
// of 100 indices were visited once, and how many threads were asked for.
const PROGRAM = `
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include "amx/common.h"
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

static int asked = 0, spare = 0;
extern "C" int get_nprocs() { return 64; }
extern "C" int pthread_create(pthread_t * thread, const pthread_attr_t * attributes, void * (*start)(void *), void * data) {
  ++asked;
  if (spare-- <= 0) return EAGAIN;
  using Create = int (*)(pthread_t *, const pthread_attr_t *, void * (*)(void *), void *);
  return reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"))(thread, attributes, start, data);
}

int main(int, char ** argv) {
  spare = std::atoi(argv[1]);
  std::mutex mutex;
  std::multiset<int> visited;
  std::set<pthread_t> threads;
  parallel_for(100, [&](int begin, int end) {
    std::lock_guard<std::mutex> lock(mutex);
    threads.insert(pthread_self());
    for (int i = begin; i < end; ++i) visited.insert(i);
  });
  int once = 0;
  for (int i = 0; i < 100; ++i) once += visited.count(i) == 1;
  std::printf("%zu %d %d", threads.size(), once, asked);
}
`

/** Threads that took part, indices visited once, threads asked for. */
function build(): (spare: number) => [threads: number, once: number, asked: number] {
  const source = join(directory, 'amx.cc')
  const binary = join(directory, 'amx')
  writeFileSync(source, PROGRAM)
  const module = new URL('../../scripts/llama-source.mjs', import.meta.url).href
  const print = `import { llamaSource } from ${JSON.stringify(module)}; process.stdout.write(llamaSource())`
  const tree = execFileSync(process.execPath, ['--input-type=module', '-e', print], { encoding: 'utf8' })
  const folders = ['ggml/include', 'ggml/src', 'ggml/src/ggml-cpu'].map((folder) => `-I${join(tree, folder)}`)
  execFileSync('c++', [
    '-std=c++17',
    '-O1',
    '-D_GNU_SOURCE',
    '-pthread',
    ...folders,
    source,
    '-ldl',
    '-o',
    binary,
  ])
  return (spare) =>
    execFileSync(binary, [String(spare)], { encoding: 'utf8' })
      .split(' ')
      .map(Number) as [number, number, number]
}

// get_nprocs and pthread_create of a program stand before those of the C library on Linux.
describe.runIf(process.platform === 'linux')("ggml's set-up of weights for AMX", () => {
  it('starts a few threads whatever the machine has, and computes what it gets no thread for', () => {
    const run = build()
    const [threads, once, asked] = run(1000)
    expect({ once, few: threads <= 4, asked }).toEqual({ once: 100, few: true, asked: 3 })
    expect(run(1)[1]).toBe(100)
    expect(run(0)).toEqual([1, 100, 1])
  })
})

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** A file system of a few KiB, in memory. */
export class SmallDisk {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** null, with a line that says so, where none may be mounted. */
  static mount(folder: string, kib: number): SmallDisk | null {
    mkdirSync(folder)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', folder], { stdio: 'pipe' })
    } catch {
      console.warn('skipped: no file system may be mounted here')
      return null
    }
    return new SmallDisk(folder)
  }

  at(name: string): string {
    return path.join(this.folder, name)
  }

  /** Takes all room that there is, with a file of that name. */
  fill(name: string): void {
    for (let kib = 1024; kib >= 4; ) {
      try {
        writeFileSync(this.at(name), Buffer.alloc(kib * 1024), { flag: 'a' })
      } catch {
        kib /= 2
      }
    }
  }

  unmount(): void {
    execFileSync('umount', [this.folder])
  }
}

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'

interface Manifest {
  name: string
  version: string
}

/** A registry of npm packages on this machine. */
export interface LocalRegistry {
  /** Without a slash at its end. */
  url: string
  /** Names of the packages whose tarballs were asked for since the last call, sorted. */
  takeDownloads(): string[]
  close(): Promise<void>
}

/** Serves the tarballs (`*.tgz`) of these folders as a registry does: what is not there is a 404, for every package manager. */
export async function startRegistry(folders: readonly string[]): Promise<LocalRegistry> {
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.tgz'))
      .map((name) => path.join(folder, name)),
  )
  const packages = new Map<string, Map<string, { manifest: Manifest; file: string }>>()
  for (const file of files) {
    const manifest = manifestOf(file)
    const versions = packages.get(manifest.name) ?? new Map()
    packages.set(manifest.name, versions.set(manifest.version, { manifest, file }))
  }
  const downloaded = new Set<string>()
  let url = ''

  const packument = (name: string) => {
    const versions = packages.get(name)
    if (!versions) return undefined
    return {
      name,
      'dist-tags': { latest: [...versions.keys()].at(-1) },
      versions: Object.fromEntries(
        [...versions].map(([version, { manifest, file }]) => [
          version,
          { ...manifest, dist: { ...hashesOf(file), tarball: `${url}/${name}/-/${version}.tgz` } },
        ]),
      ),
      // Managers that let new packages ripen ask for the age.
      time: Object.fromEntries([...versions.keys()].map((version) => [version, '2020-01-01T00:00:00.000Z'])),
    }
  }

  const server = createServer((request, response) => {
    const [name = '', file] = decodeURIComponent(request.url ?? '')
      .replace(/^\//, '')
      .split('/-/')
    const entry = file && packages.get(name)?.get(file.replace(/\.tgz$/, ''))
    if (entry) {
      downloaded.add(name)
      response.end(readFileSync(entry.file))
      return
    }
    const found = file ? undefined : packument(name)
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found ?? { error: 'Not found' }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    url,
    takeDownloads: () => {
      const names = [...downloaded].sort()
      downloaded.clear()
      return names
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function manifestOf(file: string): Manifest {
  const words = ['-xzOf', path.basename(file), 'package/package.json']
  return JSON.parse(execFileSync('tar', words, { cwd: path.dirname(file), encoding: 'utf8' })) as Manifest
}

function hashesOf(file: string): { shasum: string; integrity: string } {
  const bytes = readFileSync(file)
  return {
    shasum: createHash('sha1').update(bytes).digest('hex'),
    integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
  }
}

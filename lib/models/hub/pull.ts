import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { downloadsDirectory, modelsDirectory } from '../../directories.js'
import { DownloadError, ModelFileError, ModelKindError } from '../../errors.js'
import { removeFile, removeTree } from '../../held-files.js'
import { checkBoolean, checkKeys, checkSignal } from '../../options.js'
import { guardTemplate } from '../../tokenizer/guard-template.js'
import { byHand, type CatalogEntry, catalogName } from '../catalog.js'
import { CONVERT_TYPES, type ConvertType, convertCheckpoint } from '../convert/convert.js'
import { checkGguf } from '../gguf/check/check.js'
import { describeGguf } from '../gguf/describe.js'
import { readGguf } from '../gguf/reader.js'
import {
  DEFAULT_TYPE,
  fileStem,
  GONE,
  type InstalledModel,
  installedModels,
  installedProblem,
  registerModel,
} from '../installed.js'
import { nearestName } from '../nearest-model.js'
import { HubCache } from './cache.js'
import { requireDiskSpace } from './disk-space.js'
import { FileVerifier } from './file-verifier.js'
import { Hub, type HubFile } from './hub.js'
import { withPullLock } from './pull-lock.js'
import { PULL_KEYS, type PullOptions } from './pull-options.js'
import { WEIGHT_FILES, weightFiles } from './weight-files.js'

/** What `pullModel` resolves to. */
export interface PulledModel extends InstalledModel {
  /** It was there before; its hash was compared and nothing was downloaded. */
  alreadyInstalled: boolean
  /** Directory of the checkpoint it was converted from, where that is kept. */
  checkpoint: string | null
}

/** Besides the weights. Those in `REQUIRED` must be there. */
const SMALL_FILES = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'README.md',
]
const REQUIRED = ['config.json', 'tokenizer.json']

/** Bits a weight takes at most, in the 0.6B, heads and norms included: for the room that a conversion needs. */
const BITS: Readonly<Record<string, number>> = {
  f16: 16.1,
  bf16: 16.1,
  q8_0: 8.6,
  q6_k: 6.7,
  q5_k_m: 6,
  q4_k_m: 5.3,
  q4_0: 5.1,
  iq4_nl: 5.2,
}
/** Official weights are bf16. */
const SOURCE_BITS = 16
const VOCABULARY_BYTES = 10e6

const HUB_NAME = /^hf:([\w.-]+\/[\w.-]+)\/((?:[\w.-]+\/)*[\w.-]+\.gguf)$/

/**
 * Downloads a model, verifies it, converts it to GGUF and registers it, so that `load({ model: name })`
 * finds it. Safe to call from several processes at once: the others wait, then find it there.
 *
 * @param name a catalog name such as `qwen3guard-gen-0.6b`, or `hf:owner/repo/file.gguf` for a GGUF that is ready
 * @throws TypeError for a name or type that is none
 * @throws DownloadError ERR_DOWNLOAD, ERR_DOWNLOAD_REFUSED with what to fetch by hand
 * @throws DiskSpaceError before anything large is downloaded
 * @throws ModelFileError ERR_MODEL_HASH if a file is not the pinned, recorded or promised one;
 *   ERR_CHECKPOINT_INVALID, ERR_MODEL_INVALID for what cannot be converted or run
 * @throws ModelKindError, TemplateError for a model that is no Qwen3Guard
 */
export async function pullModel(name: string, options: PullOptions = {}): Promise<PulledModel> {
  checkKeys('the options of pullModel', options, PULL_KEYS)
  checkBoolean('deleteCheckpoint', options.deleteCheckpoint)
  checkSignal(options.signal)
  const [, repository, file] = HUB_NAME.exec(name) ?? []
  if (repository && file && !file.split('/').includes('..')) {
    if (options.type !== undefined || options.deleteCheckpoint) {
      throw new TypeError(`type and deleteCheckpoint are for checkpoints; ${name} is taken as it is`)
    }
    return await exclusive(name, repository, options, () => pullGguf(name, repository, file, options))
  }
  const known = catalogName(name)
  if (!known) {
    const nearest = nearestName(name)
    const meant = nearest === null ? '' : `: did you mean ${nearest}?`
    throw new TypeError(
      `there is no model ${JSON.stringify(name)} to pull, expected a name of the catalog such as qwen3guard-gen-0.6b, or hf:owner/repo/file.gguf${meant}`,
    )
  }
  const { entry } = known
  const type = (options.type ?? known.type ?? DEFAULT_TYPE) as ConvertType
  if (!CONVERT_TYPES.includes(type) || (known.type !== null && known.type !== type)) {
    const expected = known.type === null ? CONVERT_TYPES.join(', ') : `${known.type}, as in ${name}`
    throw new TypeError(`type is ${JSON.stringify(type)}, expected ${expected}`)
  }
  try {
    return await exclusive(`${entry.name}-${type}`, entry.repository, options, () =>
      pullCheckpoint(entry, type, options),
    )
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!(error instanceof DownloadError)) throw error
    const code = error.code as 'ERR_DOWNLOAD' | 'ERR_DOWNLOAD_REFUSED'
    throw new DownloadError(`${error.message}\n${byHand(entry, type)}`, error.status, { cause: error }, code)
  }
}

/** Runs `pull` alone on its repository, unless the model is there by then. */
async function exclusive(
  name: string,
  repository: string,
  options: PullOptions,
  pull: () => Promise<PulledModel>,
): Promise<PulledModel> {
  const { signal, onProgress } = options
  signal?.throwIfAborted()
  const lock = path.join(modelsDirectory(), '.locks', `${fileStem(repository)}.lock`)
  const onWait = () => onProgress?.({ stage: 'wait', done: 0, total: 0 })
  return await withPullLock(lock, { onWait, signal }, async () => {
    const there = installedModels().find((model) => model.name === name)
    if (there && installedProblem(there) !== GONE) return await confirm(there, options)
    return await pull()
  })
}

/** A model that was pulled before: it must still be what it was. */
async function confirm(model: InstalledModel, options: PullOptions): Promise<PulledModel> {
  const verifier = new FileVerifier(model.repository, options)
  verifier.start(model.bytes)
  const { sha256 } = await verifier.hash(model.path)
  if (sha256 !== model.sha256) {
    throw new ModelFileError(
      `${model.path} changed since it was pulled: its sha256 is ${sha256}, expected ${model.sha256}. Delete it and pull again`,
      undefined,
      'ERR_MODEL_HASH',
    )
  }
  return { ...model, alreadyInstalled: true, checkpoint: null }
}

async function pullCheckpoint(
  entry: CatalogEntry,
  type: ConvertType,
  options: PullOptions,
): Promise<PulledModel> {
  const { signal, onProgress } = options
  const { repository } = entry
  const name = `${entry.name}-${type}`
  const verifier = new FileVerifier(repository, options)
  for (const file of entry.files) if (file.sha256) verifier.pin(file.path, file.sha256)
  const earlier = installedModels().filter((model) => catalogName(model.name)?.entry === entry)
  const hub = new Hub(signal)
  const commit = entry.revision ?? earlier[0]?.revision ?? (await hub.commit(repository))
  for (const model of earlier) if (model.revision === commit) verifier.expectRecorded(model)

  const cache = new HubCache(await downloadsDirectory(), repository, commit)
  const listing = await hub.list(repository, commit)
  const one = (file: HubFile) => cache.fetch(hub, file, { check: (at) => verifier.check(file, at), signal })
  const weights = await weightFiles(repository, listing, one)
  const small = SMALL_FILES.map((file) => listing.get(file)).filter((file) => file !== undefined)
  const missing = REQUIRED.filter((file) => !listing.has(file))
  if (missing.length > 0) throw incomplete(repository, commit, missing)
  const files = [...small, ...weights]
  for (const file of files) verifier.compareWithHub(file)

  const target = path.join(modelsDirectory(), `${fileStem(name)}.gguf`)
  await removeRemains(target)
  const weightBytes = sum(weights)
  await requireDiskSpace([
    { directory: cache.folder, bytes: sum(files) - (await present(cache, files)), what: 'the download' },
    {
      directory: modelsDirectory(),
      bytes: Math.ceil((weightBytes * (BITS[type] ?? 32)) / SOURCE_BITS + VOCABULARY_BYTES),
      what: 'the converted model',
    },
  ])
  await fetchAll(hub, cache, files, verifier, options)
  // A conversion reads what lies there under these names.
  await cache.dropOthers([...SMALL_FILES, ...WEIGHT_FILES], files)
  if (entry.revision === null) await cache.noteMain()

  const report = await convertCheckpoint(cache.snapshot, target, {
    type,
    name: repository.slice(repository.indexOf('/') + 1),
    onProgress: (fraction) =>
      onProgress?.({ stage: 'convert', done: Math.round(fraction * weightBytes), total: weightBytes }),
    signal,
  })
  if (report.variant !== entry.variant) {
    await removeFile(target)
    throw new ModelKindError(`${repository} holds a ${report.variant} model, expected ${entry.variant}`)
  }
  verifier.start(report.bytes)
  const { bytes, sha256 } = await verifier.hash(target)
  const model: InstalledModel = {
    name,
    variant: entry.variant,
    type,
    license: entry.license,
    parameters: report.parameters,
    path: target,
    bytes,
    sha256,
    repository,
    revision: commit,
    files: verifier.verified,
  }
  await registerModel(model)
  if (options.deleteCheckpoint) await removeTree(cache.folder)
  return { ...model, alreadyInstalled: false, checkpoint: options.deleteCheckpoint ? null : cache.snapshot }
}

async function pullGguf(
  name: string,
  repository: string,
  file: string,
  options: PullOptions,
): Promise<PulledModel> {
  const { signal } = options
  const verifier = new FileVerifier(repository, options)
  const earlier = installedModels().find((model) => model.name === name)
  const hub = new Hub(signal)
  const commit = earlier?.revision ?? (await hub.commit(repository))
  if (earlier) verifier.expectRecorded(earlier)
  const folder = path.posix.dirname(file)
  const found = (await hub.list(repository, commit, folder === '.' ? '' : folder)).get(file)
  if (!found) {
    throw new DownloadError(
      `${repository} has no ${file} at commit ${commit}: look at ${hub.endpoint}/${repository}/tree/main`,
      null,
      undefined,
      'ERR_DOWNLOAD_REFUSED',
    )
  }
  verifier.compareWithHub(found)
  const cache = new HubCache(await downloadsDirectory(), repository, commit)
  const bytes = found.bytes - (await cache.present(found))
  await requireDiskSpace([{ directory: cache.folder, bytes, what: 'the download' }])
  await fetchAll(hub, cache, [found], verifier, options)
  await cache.noteMain()

  const at = cache.path(found)
  const header = await readGguf(at, { signal })
  await checkGguf(header, { signal })
  const description = describeGguf(header)
  // Many community files carry a general template, with which a guard would chat.
  if (description.variant !== 'stream') await guardTemplate(description.chatTemplate)
  const model: InstalledModel = {
    name,
    variant: description.variant ?? 'gen',
    type: description.fileType,
    license: description.license,
    parameters: description.parameters,
    path: at,
    bytes: found.bytes,
    sha256: verifier.verified[file]!.sha256,
    repository,
    revision: commit,
    files: verifier.verified,
  }
  await registerModel(model)
  return { ...model, alreadyInstalled: false, checkpoint: null }
}

/** Brings every file to the cache and verifies it, one after the other. */
async function fetchAll(
  hub: Hub,
  cache: HubCache,
  files: readonly HubFile[],
  verifier: FileVerifier,
  options: PullOptions,
): Promise<void> {
  const total = sum(files)
  verifier.start(total)
  let before = 0
  for (const file of files) {
    await cache.fetch(hub, file, {
      check: (at) => verifier.check(file, at),
      onBytes: (bytes) => options.onProgress?.({ stage: 'download', done: before + bytes, total }),
      signal: options.signal,
    })
    before += file.bytes
  }
}

async function present(cache: HubCache, files: readonly HubFile[]): Promise<number> {
  let bytes = 0
  for (const file of files) bytes += await cache.present(file)
  return bytes
}

function sum(files: readonly HubFile[]): number {
  return files.reduce((bytes, file) => bytes + file.bytes, 0)
}

function incomplete(repository: string, commit: string, missing: readonly string[]): ModelFileError {
  return new ModelFileError(
    `${repository} lacks ${missing.join(', ')} at commit ${commit}: it is no whole checkpoint; try again later`,
    undefined,
    'ERR_CHECKPOINT_INVALID',
  )
}

/** What a conversion that was killed left behind. */
async function removeRemains(target: string): Promise<void> {
  const directory = path.dirname(target)
  const remains = (name: string) =>
    name.startsWith(`${path.basename(target)}.`) && /\.[0-9a-f]{12}\.part$/.test(name)
  for (const name of (await readdir(directory)).filter(remains)) {
    await removeFile(path.join(directory, name))
  }
}

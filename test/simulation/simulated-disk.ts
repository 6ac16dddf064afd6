/**
 * A disk that behaves as badly as a real one may, reproducibly.
 *
 * Fault model
 * - A write, truncation, creation, rename or removal is visible to the process at once, and durable only after the
 *   matching sync: `File.sync` for content and length, `syncDirectory` for names.
 * - When the power fails, each unsynced write of a file is kept, lost, or torn at a 512-byte boundary; a lost one under a
 *   kept one leaves zeros. Unsynced changes of a folder's names survive as a beginning of their sequence, so a new
 *   file may vanish with its synced content, and a rename is undone or done, never half.
 * - When only the process dies, everything it had handed over survives, but for the call it died in: a write may be
 *   cut short.
 * - A sync takes effect when it completes; what is written meanwhile is not covered. A sync that fails drops what it was
 *   to make durable: trying again succeeds and proves nothing.
 * - The disk can be full (writes are cut short and fail), fail with EIO, and flip bits.
 * - With `syncWorks: false` syncs succeed and do nothing: the negative control of the simulation.
 *
 * Every call counts; `crashAtCall` makes that call, and all later ones, throw `SimulatedCrash`.
 */
import { StorageError } from '../../src/core/errors.ts'
import type { File, FileSystem, Lock, StorageErrorCode } from '../../src/storage/file-system.ts'
import type { SeededRandom } from './random.ts'

const sectorBytes = 512

export class SimulatedCrash extends Error {
  constructor() {
    super('the simulated machine is dead')
  }
}

type Change = { readonly at: number; readonly bytes: Uint8Array } | { readonly size: number }
type NameChange =
  | { readonly type: 'link'; readonly name: string; readonly node: Node }
  | { readonly type: 'unlink'; readonly name: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }

class FileNode {
  readonly kind = 'file'
  live = new Uint8Array(0)
  durable = new Uint8Array(0)
  unsynced: Change[] = []
}

class FolderNode {
  readonly kind = 'folder'
  live = new Map<string, Node>()
  durable = new Map<string, Node>()
  unsynced: NameChange[] = []
}

type Node = FileNode | FolderNode
type Operation = 'write' | 'sync' | 'read' | 'open'

export interface SimulatedDiskOptions {
  readonly random: SeededRandom
  /** The call that never returns; default: none. */
  readonly crashAtCall?: number
  /** Default true. */
  readonly syncWorks?: boolean
}

export class SimulatedDisk implements FileSystem {
  readonly description = 'simulated:'
  /** Calls so far. */
  calls = 0
  /** Names of the calls so far, for golden files that show the order of syncs. */
  readonly trace: string[] = []
  /** Bytes the disk holds at most, over all files. */
  capacityBytes = Number.POSITIVE_INFINITY
  readonly #random: SeededRandom
  #crashAtCall: number
  readonly #syncWorks: boolean
  readonly #failures: { operation: Operation; pattern: RegExp; code: StorageErrorCode }[] = []
  #root = new FolderNode()
  #isDead = false
  #isLocked = false

  constructor({
    random,
    crashAtCall = Number.POSITIVE_INFINITY,
    syncWorks = true,
  }: SimulatedDiskOptions) {
    this.#random = random
    this.#crashAtCall = crashAtCall
    this.#syncWorks = syncWorks
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** No crash any more: what follows is the inspection. */
  disarm(): void {
    this.#crashAtCall = Number.POSITIVE_INFINITY
  }

  /** The next such operation on a path that matches fails with `code`. */
  failNext(operation: Operation, pattern: RegExp, code: StorageErrorCode): void {
    this.#failures.push({ operation, pattern, code })
  }

  /** Flips one bit of a file, on the disk and in the cache. */
  flipBit(path: string, at: number): void {
    const file = this.#fileAt(path)
    file.live[at]! ^= 1
    if (at < file.durable.length) file.durable[at]! ^= 1
  }

  /** The disk as the next process finds it, after the power failed or only the process died. */
  afterDeath(kind: 'power' | 'process', options: SimulatedDiskOptions): SimulatedDisk {
    const next = new SimulatedDisk(options)
    next.#root = kind === 'power' ? powerFailed(this.#root, this.#random) : this.#root
    return next
  }

  open(path: string, { create = false }: { create?: boolean } = {}): File {
    this.#call(`open ${path}`)
    this.#failIfTold('open', path)
    const [folder, name] = this.#parentOf(path)
    let node = folder.live.get(name)
    if (!node) {
      if (!create) throw notFound(path)
      node = new FileNode()
      folder.live.set(name, node)
      folder.unsynced.push({ type: 'link', name, node })
    }
    if (node.kind !== 'file') throw notFound(path)
    return this.#handle(path, node)
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    this.#checkAlive()
    const node = this.#find(path)
    return (
      node && {
        size: node.kind === 'file' ? node.live.length : 0,
        isDirectory: node.kind === 'folder',
        modifiedMs: 0,
      }
    )
  }

  list(path: string): string[] {
    this.#checkAlive()
    const node = this.#find(path)
    return node?.kind === 'folder' ? [...node.live.keys()].sort() : []
  }

  makeDirectory(path: string): void {
    this.#call(`mkdir ${path}`)
    let folder = this.#root
    for (const name of path.split('/')) {
      let next = folder.live.get(name)
      if (!next) {
        next = new FolderNode()
        folder.live.set(name, next)
        folder.unsynced.push({ type: 'link', name, node: next })
      }
      if (next.kind !== 'folder') throw notFound(path)
      folder = next
    }
  }

  rename(from: string, to: string): void {
    this.#call(`rename ${from} ${to}`)
    const [folder, name] = this.#parentOf(from)
    const [target, newName] = this.#parentOf(to)
    if (folder !== target) throw new Error('the simulation renames only within a folder')
    const node = folder.live.get(name)
    if (!node) throw notFound(from)
    folder.live.delete(name)
    folder.live.set(newName, node)
    folder.unsynced.push({ type: 'rename', from: name, to: newName })
  }

  remove(path: string): void {
    this.#call(`remove ${path}`)
    const node = this.#find(path)
    if (!node) return
    const [folder, name] = this.#parentOf(path)
    folder.live.delete(name)
    folder.unsynced.push({ type: 'unlink', name })
  }

  async syncDirectory(path: string): Promise<void> {
    const node = path === '' ? this.#root : this.#find(path)
    if (node?.kind !== 'folder') throw notFound(path)
    const covered = node.unsynced.length
    await this.#wait()
    this.#call(`sync ${path}/`)
    this.#failIfTold('sync', path)
    if (!this.#syncWorks) return
    applyNames(node.durable, node.unsynced.splice(0, covered))
  }

  lock(): Lock {
    this.#checkAlive()
    if (this.#isLocked) throw new Error('the simulated disk is locked')
    this.#isLocked = true
    return {
      release: () => {
        this.#isLocked = false
      },
    }
  }

  #handle(path: string, node: FileNode): File {
    let isClosed = false
    const check = () => {
      this.#checkAlive()
      if (isClosed) throw new StorageError(`${path} is closed`, { code: 'STORAGE_CLOSED' })
    }
    const read = (position: number, length: number) => {
      check()
      this.#failIfTold('read', path)
      return node.live.slice(position, position + length)
    }
    return {
      path,
      get size() {
        return node.live.length
      },
      write: (bytes, position) => {
        check()
        this.#write(path, node, bytes, position)
      },
      read: async (position, length) => {
        await this.#wait()
        return read(position, length)
      },
      readSync: read,
      truncate: (size) => {
        check()
        this.#call(`truncate ${path}`)
        node.live = resized(node.live, size)
        node.unsynced.push({ size })
      },
      sync: async () => {
        check()
        const covered = node.unsynced.length
        await this.#wait()
        this.#call(`sync ${path}`)
        const changes = node.unsynced.splice(0, this.#syncWorks ? covered : 0)
        this.#failIfTold('sync', path)
        for (const change of changes) node.durable = applied(node.durable, change)
      },
      close: () => {
        isClosed = true
      },
    }
  }

  #write(path: string, node: FileNode, bytes: Uint8Array, position: number): void {
    const change = (count: number) => {
      // A copy: the log's bytes belong to the log, but a disk keeps what it was given.
      const written = { at: position, bytes: bytes.slice(0, count) }
      node.live = applied(node.live, written)
      node.unsynced.push(written)
    }
    if (this.calls + 1 === this.#crashAtCall) change(this.#random.below(bytes.length + 1))
    this.#call(`write ${path}`)
    const free = this.capacityBytes - usedBytes(this.#root)
    const growth = Math.max(0, position + bytes.length - node.live.length)
    if (growth > free) {
      change(Math.max(0, bytes.length - growth + free))
      throw new StorageError(`Cannot write to '${path}': the disk is full`, {
        code: 'STORAGE_FULL',
      })
    }
    this.#failIfTold('write', path)
    change(bytes.length)
  }

  /** Lets others run in between, by a number of turns that the seed decides. */
  async #wait(): Promise<void> {
    for (let turns = 1 + this.#random.below(3); turns > 0; turns--) await Promise.resolve()
  }

  #call(name: string): void {
    this.#checkAlive()
    this.calls++
    this.trace.push(name)
    if (this.calls >= this.#crashAtCall) {
      this.#isDead = true
      throw new SimulatedCrash()
    }
  }

  #checkAlive(): void {
    if (this.#isDead) throw new SimulatedCrash()
  }

  #failIfTold(operation: Operation, path: string): void {
    const index = this.#failures.findIndex(
      (failure) => failure.operation === operation && failure.pattern.test(path),
    )
    if (index < 0) return
    const { code } = this.#failures.splice(index, 1)[0]!
    throw new StorageError(`Simulated: ${operation} of '${path}' failed`, { code })
  }

  #find(path: string): Node | undefined {
    if (path === '') return this.#root
    let node: Node | undefined = this.#root
    for (const name of path.split('/'))
      node = node?.kind === 'folder' ? node.live.get(name) : undefined
    return node
  }

  #fileAt(path: string): FileNode {
    const node = this.#find(path)
    if (node?.kind !== 'file') throw notFound(path)
    return node
  }

  #parentOf(path: string): [folder: FolderNode, name: string] {
    const slash = path.lastIndexOf('/')
    const folder = slash < 0 ? this.#root : this.#find(path.slice(0, slash))
    if (folder?.kind !== 'folder') throw notFound(path)
    return [folder, path.slice(slash + 1)]
  }
}

function applied(content: Uint8Array<ArrayBuffer>, change: Change): Uint8Array<ArrayBuffer> {
  if ('size' in change) return resized(content, change.size)
  const grown =
    content.length < change.at + change.bytes.length
      ? resized(content, change.at + change.bytes.length)
      : content
  // Copies on write would make long runs slow; nobody else holds the array.
  grown.set(change.bytes, change.at)
  return grown
}

function resized(content: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(size)
  next.set(content.subarray(0, size))
  return next
}

function applyNames(names: Map<string, Node>, changes: readonly NameChange[]): void {
  for (const change of changes) {
    if (change.type === 'link') names.set(change.name, change.node)
    else if (change.type === 'unlink') names.delete(change.name)
    else {
      const node = names.get(change.from)
      names.delete(change.from)
      if (node) names.set(change.to, node)
    }
  }
}

function powerFailed(folder: FolderNode, random: SeededRandom): FolderNode {
  const names = new Map(folder.durable)
  applyNames(names, folder.unsynced.slice(0, random.below(folder.unsynced.length + 1)))
  const next = new FolderNode()
  for (const [name, node] of names) {
    const survivor =
      node.kind === 'folder' ? powerFailed(node, random) : fileAfterPowerFailure(node, random)
    next.live.set(name, survivor)
    next.durable.set(name, survivor)
  }
  return next
}

function fileAfterPowerFailure(file: FileNode, random: SeededRandom): FileNode {
  const next = new FileNode()
  next.durable = file.durable.slice()
  // Some machines lose everything, some nothing, some a bit of each.
  const keptShare = [0, 0.5, 1][random.below(3)]!
  for (const change of file.unsynced) {
    if (!random.chance(keptShare)) {
      const end = 'size' in change ? 0 : change.at + change.bytes.length
      // The length may have reached the disk without the content.
      if (end > next.durable.length && random.chance(0.3)) next.durable = resized(next.durable, end)
    } else if ('size' in change || random.chance(0.7)) next.durable = applied(next.durable, change)
    else {
      const sectors = Math.ceil(change.bytes.length / sectorBytes)
      next.durable = applied(next.durable, {
        at: change.at,
        bytes: change.bytes.slice(0, random.below(sectors + 1) * sectorBytes),
      })
    }
  }
  next.live = next.durable.slice()
  return next
}

function usedBytes(folder: FolderNode): number {
  let sum = 0
  for (const node of folder.live.values())
    sum += node.kind === 'file' ? node.live.length : usedBytes(node)
  return sum
}

function notFound(path: string): StorageError {
  return new StorageError(`'${path}' is not there`, { code: 'STORAGE_NOT_FOUND' })
}

/**
 * A disk that behaves as badly as a real one may, reproducibly.
 *
 * Fault model
 * - A write, truncation, creation, rename or removal is visible to the process at once, and durable only after the
 *   matching sync: `File.sync` for content and length, `syncDirectory` for names.
 * - When the power fails, each unsynced write of a file is kept, lost, or torn at 512-byte sectors (its first ones, or
 *   any); a lost one under a kept one leaves zeros, and the length may be kept without the content. Unsynced changes
 *   of a folder's names survive as a beginning of their sequence, or name by name: a new file may vanish with its
 *   synced content, and a rename is undone or done, never half. Removing a folder is one removal for each name in it.
 * - When only the process dies, everything it had handed over survives, but for the call it died in: a write may be
 *   cut short, and a folder removed in part.
 * - A sync takes effect when it completes, and covers what was written before it began. It is two calls: death may come
 *   before the effect, or after it but before anybody is told.
 * - A sync that fails may have written some of it; the rest is dropped from what later syncs make durable: trying
 *   again succeeds and proves nothing. The process goes on seeing what it wrote.
 * - The disk can be full (writes are cut short and fail; a file or folder takes some space of its own), be read-only, fail
 *   with EIO, and flip bits.
 * - The process may have so many files open, and others may take some of them; beyond that an open, a look into a folder
 *   and a sync of one fail. A file is open until it is closed and nothing of it is under way.
 * - With `syncWorks: false` syncs succeed and do nothing: the negative control of the simulation.
 *
 * Every call that can change the disk counts; `crashAtCall` makes that call, and all later ones of any kind, throw
 * `SimulatedCrash`. Asynchronous calls finish after a number of microtasks that the seed decides; nothing here uses
 * real time, so equal seeds give equal runs.
 */
import { DataFolderLockedError, StorageError } from '../../src/core/errors.ts'
import type {
  File,
  FileSystem,
  Lock,
  Space,
  StorageErrorCode,
} from '../../src/storage/file-system.ts'
import {
  afterPowerFailure,
  applySurviving,
  type ContentChange,
  type DiskNode,
  entryBytes,
  FileNode,
  FolderNode,
  usedBytes,
} from './disk-state.ts'
import type { SeededRandom } from './random.ts'

export class SimulatedCrash extends Error {
  constructor() {
    super('the simulated machine is dead')
  }
}

export type DiskOperation =
  | 'open'
  | 'write'
  | 'truncate'
  | 'read'
  | 'sync'
  | 'rename'
  | 'remove'
  | 'mkdir'

/** What a broker keeps free of it, bytes: on a disk of a few segments, with little to write for its reserve file. */
export const diskReserve = 8000

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
  /** The calls so far, for golden files that show the order of syncs: `sync` begins one, `synced` ends it. */
  readonly trace: string[] = []
  /** Files whose sync failed: the log that such a file belongs to is offline until a restart. */
  readonly failedSyncs: string[] = []
  /** Bytes the disk holds at most, over all files. */
  capacityBytes = Number.POSITIVE_INFINITY
  /** Before each call that counts, when the disk is as a loss of power at that moment would find it. */
  onCall: (() => void) | undefined
  /** Files that the process may have open. */
  openFilesMax = Number.POSITIVE_INFINITY
  /** What it says of that. */
  openFilesLimit: number | undefined
  /** Files that are open. */
  openFiles = 0
  /** Files that something else in the process has open: sockets. */
  takenByOthers = 0
  /** The clock of its files' times; default: they have none. */
  now: (() => number) | undefined
  /** While set, nothing can be changed. */
  isReadOnly = false
  readonly #random: SeededRandom
  #crashAtCall: number
  readonly #syncWorks: boolean
  readonly #failures: { operation: DiskOperation; pattern: RegExp; code: StorageErrorCode }[] = []
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

  get usedBytes(): number {
    return usedBytes(this.#root)
  }

  /** From now on so many bytes more can be written; infinity: as many as one likes. */
  leaveFree(bytes: number): void {
    this.capacityBytes = this.usedBytes + bytes
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** So many calls from now it ends. */
  crashAfter(calls: number): void {
    this.#crashAtCall = this.calls + calls
  }

  /** No crash any more: what follows is the inspection. */
  disarm(): void {
    this.#crashAtCall = Number.POSITIVE_INFINITY
  }

  /** The next file of such a path that is to be made finds no space, and no more when some was given up for it. */
  takeRoomFrom(pattern: RegExp): void {
    for (let attempt = 0; attempt < 2; attempt++) this.failNext('open', pattern, 'STORAGE_FULL')
  }

  /** The next such operation on a path that matches fails with `code`. A folder's path ends in `/` for `sync`. */
  failNext(operation: DiskOperation, pattern: RegExp, code: StorageErrorCode): void {
    this.#failures.push({ operation, pattern, code })
  }

  /** Whatever was to fail next does not. */
  failNoMore(): void {
    this.#failures.length = 0
  }

  /** What a file holds, for those who look at the disk from outside: no call of the broker's. */
  peek(path: string): Uint8Array | undefined {
    const node = this.#find(path)
    return node?.kind === 'file' ? node.live.slice() : undefined
  }

  /** Flips one bit of a file, on the disk and in the cache. */
  flipBit(path: string, at: number): void {
    const node = this.#find(path)
    if (node?.kind !== 'file') throw notFound(path)
    node.live.flipBit(at)
    node.durable.flipBit(at)
  }

  /** The disk as the next process finds it, after the power failed or only the process died. */
  afterDeath(kind: 'power' | 'process', options: SimulatedDiskOptions): SimulatedDisk {
    const next = new SimulatedDisk(options)
    next.capacityBytes = this.capacityBytes
    next.openFilesMax = this.openFilesMax
    next.openFilesLimit = this.openFilesLimit
    next.#root = kind === 'power' ? afterPowerFailure(this.#root, this.#random) : this.#root
    this.#isDead = true
    return next
  }

  /** What a loss of power at this moment would leave, while this one goes on. */
  imageAfterPowerFailure(options: SimulatedDiskOptions): SimulatedDisk {
    const image = new SimulatedDisk(options)
    image.#root = afterPowerFailure(this.#root, options.random)
    return image
  }

  open(path: string, { create = false }: { create?: boolean } = {}): File {
    this.#call(`open ${path}`)
    this.#checkRoom(path)
    const [folder, name] = this.#parentOf(path)
    let node = folder.live.get(name)
    if (!node) {
      if (!create) throw notFound(path)
      this.#failIfTold('open', path)
      this.#checkRoomForEntry(path)
      node = new FileNode()
      if (this.now) node.modifiedMs = this.now()
      folder.change({ type: 'link', name, node })
    }
    if (node.kind !== 'file') throw inTheWay(path)
    return this.#handle(path, node)
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    this.#checkAlive()
    const node = this.#find(path)
    if (!node) return undefined
    if (node.kind === 'folder') return { size: 0, isDirectory: true, modifiedMs: 0 }
    return { size: node.live.size, isDirectory: false, modifiedMs: node.modifiedMs }
  }

  list(path: string): string[] {
    this.#checkAlive()
    this.#checkRoom(path)
    return this.peekNames(path)
  }

  /** As `peek`, for a folder. */
  peekNames(path: string): string[] {
    const node = this.#find(path)
    return node?.kind === 'folder' ? [...node.live.keys()].sort() : []
  }

  makeDirectory(path: string): void {
    this.#call(`mkdir ${path}`)
    this.#failIfTold('mkdir', path)
    let folder = this.#root
    for (const name of path === '' ? [] : path.split('/')) {
      let next = folder.live.get(name)
      if (!next) {
        this.#checkRoomForEntry(path)
        next = new FolderNode()
        folder.change({ type: 'link', name, node: next })
      }
      if (next.kind !== 'folder') throw inTheWay(path)
      folder = next
    }
  }

  rename(from: string, to: string): void {
    this.#call(`rename ${from} ${to}`)
    this.#failIfTold('rename', from)
    const [folder, name] = this.#parentOf(from)
    const [target, newName] = this.#parentOf(to)
    const node = folder.live.get(name)
    if (!node) throw notFound(from)
    if (folder !== target) throw new Error('the simulation renames only within a folder')
    const replaced = target.live.get(newName)
    if (replaced?.kind === 'folder' || (replaced && node.kind === 'folder')) throw inTheWay(to)
    folder.change({ type: 'rename', from: name, to: newName, node })
  }

  remove(path: string): void {
    const node = this.#find(path)
    const [folder, name] = node ? this.#parentOf(path) : []
    const unlinks: (() => void)[] = []
    if (node?.kind === 'folder') unlinks.push(...unlinksWithin(node))
    if (folder && name) unlinks.push(() => folder.change({ type: 'unlink', name }))
    this.#call(`remove ${path}`, () => {
      for (const unlink of unlinks.slice(0, this.#random.below(unlinks.length + 1))) unlink()
    })
    this.#failIfTold('remove', path)
    for (const unlink of unlinks) unlink()
  }

  async syncDirectory(path: string): Promise<void> {
    this.#call(`sync ${path}/`)
    this.#checkRoom(path)
    const node = this.#find(path)
    if (node?.kind !== 'folder') throw notFound(path)
    const mark = node.unsynced.mark()
    this.openFiles++
    await this.#wait().finally(() => this.openFiles--)
    const changes = this.#syncWorks ? node.unsynced.take(mark) : []
    const failure = this.#toldFailure('sync', `${path}/`)
    node.makeDurable(failure ? changes.slice(0, this.#random.below(changes.length + 1)) : changes)
    if (failure) throw failure
    this.#call(`synced ${path}/`)
  }

  space(): Space {
    const { capacityBytes: totalBytes } = this
    if (totalBytes === Number.POSITIVE_INFINITY) return { freeBytes: totalBytes, totalBytes }
    return { freeBytes: Math.max(0, totalBytes - usedBytes(this.#root)), totalBytes }
  }

  lock(): Lock {
    this.#checkAlive()
    if (this.#isLocked)
      throw new DataFolderLockedError('The simulated disk is in use', {
        code: 'DATA_FOLDER_LOCKED',
      })
    this.#isLocked = true
    let isReleased = false
    return {
      release: () => {
        if (!isReleased) this.#isLocked = false
        isReleased = true
      },
    }
  }

  holdOpen(): { release(): void } {
    this.#checkAlive()
    this.#checkRoom('nothing')
    this.openFiles++
    return { release: () => this.openFiles-- }
  }

  /** Others take all the files that are left. */
  takeRestOfFiles(): void {
    this.takenByOthers = Math.max(0, this.openFilesMax - this.openFiles)
  }

  #checkRoom(path: string): void {
    if (this.openFiles + this.takenByOthers < this.openFilesMax) return
    throw new StorageError(`Simulated: no file is left to open '${path}'`, {
      code: 'STORAGE_TOO_MANY_FILES',
    })
  }

  #handle(path: string, node: FileNode): File {
    let isClosed = false
    let underWay = 0
    this.openFiles++
    const whileOpen = async <T>(work: () => Promise<T>): Promise<T> => {
      underWay++
      try {
        return await work()
      } finally {
        if (--underWay === 0 && isClosed) this.openFiles--
      }
    }
    const check = () => {
      this.#checkAlive()
      if (isClosed) throw new StorageError(`${path} is closed`, { code: 'STORAGE_CLOSED' })
    }
    const read = (position: number, length: number) => {
      this.#checkAlive()
      this.#failIfTold('read', path)
      return node.live.slice(position, position + length)
    }
    return {
      path,
      get size() {
        return node.live.size
      },
      write: (bytes, position) => {
        check()
        this.#write(path, node, bytes, position)
      },
      read: async (position, length) => {
        check()
        return whileOpen(async () => {
          await this.#wait()
          return read(position, length)
        })
      },
      readSync: (position, length) => {
        check()
        return read(position, length)
      },
      truncate: (size) => {
        check()
        this.#call(`truncate ${path}`)
        this.#failIfTold('truncate', path)
        this.#change(node, { type: 'truncate', size })
      },
      sync: async () => {
        check()
        await whileOpen(() => this.#sync(path, node))
      },
      syncNow: () => {
        check()
        this.#call(`sync ${path}`)
        this.#finishSync(path, node, node.unsynced.mark())
      },
      close: () => {
        if (isClosed) return
        isClosed = true
        if (underWay === 0) this.openFiles--
      },
    }
  }

  #write(path: string, node: FileNode, bytes: Uint8Array, position: number): void {
    // A copy: the caller may go on using its bytes, but a disk keeps what it was given.
    const write = (count: number) =>
      this.#change(node, { type: 'write', at: position, bytes: bytes.slice(0, count) })
    this.#call(`write ${path}`, () => write(this.#random.below(bytes.length + 1)))
    const failure = this.#toldFailure('write', path)
    if (failure) {
      write(this.#random.below(bytes.length))
      throw failure
    }
    const room = this.#roomFor(node, bytes.length, position)
    write(room)
    if (room < bytes.length) throw isFull(path)
  }

  #change(node: FileNode, change: ContentChange): void {
    node.change(change)
    // Finer than the clock, as that of a real disk is.
    if (this.now) node.modifiedMs = this.now() + (this.calls % 4096) / 4096
  }

  #checkRoomForEntry(path: string): void {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return
    if (this.capacityBytes - usedBytes(this.#root) < entryBytes) throw isFull(path)
  }

  /** How many of `length` bytes fit. */
  #roomFor(node: FileNode, length: number, position: number): number {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return length
    const free = Math.max(0, this.capacityBytes - usedBytes(this.#root))
    return Math.max(0, Math.min(length, node.live.size + free - position))
  }

  async #sync(path: string, node: FileNode): Promise<void> {
    this.#call(`sync ${path}`)
    const mark = node.unsynced.mark()
    await this.#wait()
    this.#finishSync(path, node, mark)
  }

  #finishSync(path: string, node: FileNode, mark: number): void {
    const changes = this.#syncWorks ? node.unsynced.take(mark) : []
    const failure = this.#toldFailure('sync', path)
    if (failure) {
      applySurviving(node.durable, changes, this.#random)
      this.failedSyncs.push(path)
      throw failure
    }
    for (const change of changes) node.durable.apply(change)
    this.#call(`synced ${path}`)
  }

  /** Lets others run in between, by a number of turns that the seed decides. */
  async #wait(): Promise<void> {
    for (let turns = 1 + this.#random.below(3); turns > 0; turns--) await Promise.resolve()
    this.#checkAlive()
  }

  /** Counts a call. `inPart` is what of it happens when the process dies in it. */
  #call(name: string, inPart?: () => void): void {
    this.#checkAlive()
    this.onCall?.()
    this.calls++
    this.trace.push(name)
    if (this.calls >= this.#crashAtCall) {
      inPart?.()
      this.#isDead = true
      throw new SimulatedCrash()
    }
  }

  #checkAlive(): void {
    if (this.#isDead) throw new SimulatedCrash()
  }

  #failIfTold(operation: DiskOperation, path: string): void {
    const failure = this.#toldFailure(operation, path)
    if (failure) throw failure
  }

  #toldFailure(operation: DiskOperation, path: string): StorageError | undefined {
    if (this.isReadOnly && operation !== 'read' && operation !== 'open')
      return new StorageError(`Simulated: '${path}' is on a disk that is read-only`, {
        code: 'STORAGE_READ_ONLY',
      })
    const index = this.#failures.findIndex(
      (failure) => failure.operation === operation && failure.pattern.test(path),
    )
    const [failure] = index < 0 ? [] : this.#failures.splice(index, 1)
    return (
      failure &&
      new StorageError(`Simulated: ${operation} of '${path}' failed`, { code: failure.code })
    )
  }

  #find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.#root
    for (const name of path === '' ? [] : path.split('/'))
      node = node?.kind === 'folder' ? node.live.get(name) : undefined
    return node
  }

  #parentOf(path: string): [folder: FolderNode, name: string] {
    const slash = path.lastIndexOf('/')
    const folder = this.#find(slash < 0 ? '' : path.slice(0, slash))
    if (folder?.kind !== 'folder') throw notFound(path)
    return [folder, path.slice(slash + 1)]
  }
}

/** Removing all that a folder holds, children before their parents. */
function unlinksWithin(folder: FolderNode): (() => void)[] {
  return [...folder.live].flatMap(([name, node]) => [
    ...(node.kind === 'folder' ? unlinksWithin(node) : []),
    () => folder.change({ type: 'unlink', name }),
  ])
}

function notFound(path: string): StorageError {
  return new StorageError(`'${path}' is not there`, { code: 'STORAGE_NOT_FOUND' })
}

function isFull(path: string): StorageError {
  return new StorageError(`Cannot write to '${path}': the disk is full`, { code: 'STORAGE_FULL' })
}

function inTheWay(path: string): StorageError {
  return new StorageError(`'${path}': a file is where a folder should be, or the reverse`, {
    code: 'STORAGE_DENIED',
  })
}

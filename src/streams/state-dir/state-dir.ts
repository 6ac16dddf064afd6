/**
 * State on disk of one process of an application: a database for each task, in a folder that one process has at a time.
 *
 *   <dir>/<app>/.lock           who has it
 *   <dir>/<app>/process.json    the process's name, the same over restarts
 *   <dir>/<app>/0_3/            a task's stores
 *   <dir>/<app>/0_3.damaged     what was set aside
 */
import { CorruptDataError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { HotValues } from './hot-values.ts'
import type { OpenEngine, StateEngine } from './state-engine.ts'
import type { StateFolder } from './state-folder.ts'
import { type FiledStore, TaskFiles } from './task-files.ts'

export interface StateDirOptions {
  readonly folder: StateFolder
  readonly openEngine: OpenEngine
  /** Folders of tasks that this process has not had for so long while it ran, milliseconds, are removed. */
  readonly cleanupDelayMs: number
  /** Of values that were used lately. */
  readonly cacheBytes: number
  readonly runtime: Runtime
}

/** What is on disk of a task that does not run here. */
export interface KeptTask {
  /** Up to where the changelogs are in it, by store. */
  readonly positions: ReadonlyMap<string, bigint>
  readonly usedMs: number
}

const processFile = 'process.json'
/** Files that are open are marked as used so often, milliseconds, whether or not anything is written to them. */
const markEveryMs = 60_000

export class StateDir {
  readonly #options: StateDirOptions
  readonly #hot: HotValues
  readonly #kept = new Map<string, KeptTask>()
  readonly #open = new Map<string, TaskFiles>()
  /** Tasks whose files are being opened or closed, and what that waits for. */
  readonly #busy = new Map<string, Promise<unknown>>()
  #processId = ''
  #markedAtMs = 0

  private constructor(options: StateDirOptions) {
    this.#options = options
    this.#hot = new HotValues(options.cacheBytes)
  }

  /** Looks at what there is, sets aside what is damaged, and removes what has not been used for long. */
  static async open(options: StateDirOptions): Promise<StateDir> {
    const dir = new StateDir(options)
    try {
      await dir.#begin()
    } catch (error) {
      options.folder.release()
      throw error
    }
    return dir
  }

  /** The same over restarts. */
  get processId(): string {
    return this.#processId
  }

  get path(): string {
    return this.#options.folder.path
  }

  /** Tasks that do not run here, but have files. */
  get kept(): ReadonlyMap<string, KeptTask> {
    return this.#kept
  }

  /** Opens a task's files, or makes them. Those that are open already are closed first. */
  openTask(id: string, stores: readonly FiledStore[]): Promise<TaskFiles> {
    return this.#inTurn(id, async () => {
      const before = this.#open.get(id)
      if (before) await this.#closeTask(id, before)
      const engine = await this.#openEngine(id)
      const options = {
        engine,
        path: this.#options.folder.pathOf(id),
        stores,
        hot: this.#hot,
        now: () => this.#options.runtime.now(),
      }
      let files: TaskFiles
      try {
        files = await TaskFiles.open(options)
      } catch (error) {
        await engine.close()
        if (!isDamage(error)) throw error
        this.#setAside(id, error)
        files = await TaskFiles.open({ ...options, engine: await this.#openEngine(id) })
      }
      this.#kept.delete(id)
      this.#open.set(id, files)
      return files
    })
  }

  /** Gives a task's files up; what is on its way to them is written first. */
  closeTask(id: string, files: TaskFiles): Promise<void> {
    return this.#inTurn(id, () => this.#closeTask(id, files))
  }

  /** Something was written: now and then, all open files are marked as used. */
  used(): void {
    const { runtime } = this.#options
    const now = runtime.monotonicNow()
    if (now - this.#markedAtMs < markEveryMs) return
    this.#markedAtMs = now
    for (const files of this.#open.values()) files.mark()
  }

  /** Rejects when something could not be written. Idempotent. */
  async close(): Promise<void> {
    const { folder } = this.#options
    try {
      await Promise.all([...this.#busy.values()].map((one) => one.catch(() => undefined)))
      await Promise.all([...this.#open].map(([id, files]) => this.closeTask(id, files)))
      this.#writeProcess()
    } finally {
      folder.release()
    }
  }

  async #closeTask(id: string, files: TaskFiles): Promise<void> {
    // They may have been opened anew since.
    if (this.#open.get(id) !== files) return
    this.#open.delete(id)
    await files.close()
    if (files.isDamaged) this.#setAside(id, undefined)
    else this.#kept.set(id, { positions: files.positions(), usedMs: files.usedMs })
  }

  async #begin(): Promise<void> {
    const { folder, runtime, cleanupDelayMs } = this.#options
    this.#markedAtMs = runtime.monotonicNow()
    const kept = readProcess(folder.readText(processFile))
    this.#processId = kept?.processId ?? runtime.uuid()
    let lastMs = kept?.usedMs ?? 0
    for (const id of folder.folders()) {
      const found = await this.#look(id)
      if (!found) continue
      this.#kept.set(id, found)
      lastMs = Math.max(lastMs, found.usedMs)
    }
    // By the time that this process ran: an application that was stopped for a while finds its state again.
    for (const [id, { usedMs }] of this.#kept) {
      if (lastMs - usedMs <= cleanupDelayMs) continue
      this.#kept.delete(id)
      folder.remove(id)
      const app = folder.path
      runtime.logger.info(
        { task: id, folder: app },
        'the state of a task that now runs elsewhere was removed',
      )
    }
    this.#writeProcess()
  }

  async #look(id: string): Promise<KeptTask | undefined> {
    const engine = await this.#openEngine(id)
    try {
      return await TaskFiles.look(engine)
    } catch (error) {
      if (!isDamage(error)) throw error
      await engine.close()
      this.#setAside(id, error)
      return undefined
    } finally {
      await engine.close()
    }
  }

  async #openEngine(id: string): Promise<StateEngine> {
    const { folder, openEngine } = this.#options
    const path = folder.pathOf(id)
    try {
      return await openEngine(path)
    } catch (error) {
      if (!isDamage(error)) throw error
      this.#setAside(id, error)
      return openEngine(path)
    }
  }

  #setAside(id: string, error: unknown): void {
    const { folder, runtime } = this.#options
    const path = folder.setAside(id)
    runtime.logger.warn(
      { err: error, task: id, path },
      'state on disk was damaged; it was set aside and is restored from the changelog',
    )
  }

  #writeProcess(): void {
    const { folder, runtime } = this.#options
    const text = JSON.stringify({ processId: this.#processId, usedMs: runtime.now() })
    folder.writeText(processFile, text)
  }

  async #inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(id) ?? Promise.resolve()
    const done = before.then(work, work)
    this.#busy.set(id, done)
    try {
      return await done
    } finally {
      if (this.#busy.get(id) === done) this.#busy.delete(id)
    }
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof CorruptDataError
}

function readProcess(text: string | undefined): { processId: string; usedMs: number } | undefined {
  if (text === undefined) return undefined
  try {
    const { processId, usedMs } = JSON.parse(text) as { processId?: unknown; usedMs?: unknown }
    if (typeof processId !== 'string' || !/^[\w-]{1,100}$/.test(processId)) return undefined
    return { processId, usedMs: typeof usedMs === 'number' ? usedMs : 0 }
  } catch {
    return undefined
  }
}

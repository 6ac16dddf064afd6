/** Files by LevelDB, from the optional package classic-level. See docs/decisions/0029-state-on-disk.md. */
import { plainBytes } from '../../core/bytes.ts'
import { ConfigError, CorruptDataError, type KafkaError, StorageError } from '../../core/errors.ts'
import { requirePackage } from '../../protocol/optional-package.ts'
import { type Batch, type StateEngine, stateDamaged } from './state-engine.ts'

interface Level {
  open(): Promise<void>
  close(): Promise<void>
  clear(): Promise<void>
  getSync(key: Uint8Array): Uint8Array | undefined
  hasMany(keys: readonly Uint8Array[]): Promise<boolean[]>
  batch(
    operations: readonly (
      | { type: 'put'; key: Uint8Array; value: Uint8Array }
      | { type: 'del'; key: Uint8Array }
    )[],
  ): Promise<void>
  iterator(range: { gte: Uint8Array; lt: Uint8Array }): {
    nextv(size: number): Promise<[Uint8Array, Uint8Array][]>
    close(): Promise<void>
  }
  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number>
}

interface LevelPackage {
  readonly ClassicLevel: new (
    path: string,
    options: { keyEncoding: 'view'; valueEncoding: 'view'; cacheSize: number },
  ) => Level
}

/** Entries that are read at a time. */
const chunk = 1000
/** Bytes of blocks that each database keeps in memory; hot values are kept above it. */
const blockCacheBytes = 2 * 1024 * 1024

/** Throws `ConfigError` when the package is not installed. */
export function checkLevel(): void {
  if (requirePackage('classic-level') !== undefined) return
  throw new ConfigError(
    "State on disk needs the package classic-level, which is not installed: npm install classic-level. Or keep the state in memory with state: 'memory'",
    { code: 'INVALID_CONFIG' },
  )
}

/** Opens, or makes, the database in this folder. */
export async function openLevel(path: string): Promise<StateEngine> {
  checkLevel()
  const { ClassicLevel } = requirePackage('classic-level') as LevelPackage
  const level = new ClassicLevel(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: blockCacheBytes,
  })
  try {
    await level.open()
  } catch (error) {
    throw stateFailure(path, 'open', error)
  }
  return new LevelEngine(path, level)
}

class LevelEngine implements StateEngine {
  readonly #path: string
  readonly #level: Level

  constructor(path: string, level: Level) {
    this.#path = path
    this.#level = level
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      const value = this.#level.getSync(key)
      return value && plainBytes(value)
    } catch (error) {
      throw stateFailure(this.#path, 'read', error)
    }
  }

  write(batch: Batch): Promise<void> {
    const operations = batch.map(([key, value]) =>
      value === null ? { type: 'del' as const, key } : { type: 'put' as const, key, value },
    )
    return this.#try('write', this.#level.batch(operations))
  }

  has(keys: readonly Uint8Array[]): Promise<boolean[]> {
    return this.#try('read', this.#level.hasMany(keys))
  }

  // Not a generator: what it sees is what is there when it is called.
  scan(gte: Uint8Array, lt: Uint8Array): AsyncIterable<readonly [Uint8Array, Uint8Array]> {
    return this.#entries(this.#level.iterator({ gte, lt }))
  }

  size(from: Uint8Array, to: Uint8Array): Promise<number> {
    return this.#try('read', this.#level.approximateSize(from, to))
  }

  clear(): Promise<void> {
    return this.#try('write', this.#level.clear())
  }

  close(): Promise<void> {
    return this.#try('close', this.#level.close())
  }

  async *#entries(
    iterator: ReturnType<Level['iterator']>,
  ): AsyncGenerator<[Uint8Array, Uint8Array]> {
    try {
      for (;;) {
        const entries = await this.#try('read', iterator.nextv(chunk))
        if (entries.length === 0) return
        for (const [key, value] of entries) yield [plainBytes(key), plainBytes(value)]
      }
    } finally {
      await iterator.close()
    }
  }

  async #try<T>(what: string, done: Promise<T>): Promise<T> {
    try {
      return await done
    } catch (error) {
      throw stateFailure(this.#path, what, error)
    }
  }
}

/** LevelDB tells in words what went wrong. */
export function stateFailure(path: string, what: string, error: unknown): KafkaError {
  const cause = (error as { cause?: unknown }).cause ?? error
  const { code, message } = cause as { code?: string; message?: string }
  const about = `Cannot ${what} the state in ${path}`
  if (
    code === 'LEVEL_CORRUPTION' ||
    /^Corruption|does not exist|No such file/.test(message ?? '')
  ) {
    return new CorruptDataError(`${about}: it is damaged (${message})`, {
      code: stateDamaged,
      cause,
    })
  }
  if (/No space left|Disk quota/.test(message ?? '')) {
    return new StorageError(`${about}: its disk is full; free some space (${message})`, {
      code: 'STORAGE_FULL',
      cause,
    })
  }
  return new StorageError(`${about}: ${message ?? String(cause)}`, { code: 'STORAGE_IO', cause })
}

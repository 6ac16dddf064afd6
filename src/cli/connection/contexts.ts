/**
 * Connections that are kept by name, in one file of the user's: `$KAFKA_DO_CONTEXTS`, or `contexts.json` in `kafka-do` of the
 * folder for settings. It names files with keys and passwords, and holds none itself; it is for its owner only all the same.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isPlainObject } from '../../core/options.ts'
import { didYouMean } from '../../core/suggestion.ts'
import { CommandError, NotFoundError } from '../shell/command-error.ts'
import type { Environment } from '../shell/io.ts'

/** A connection, by the names of the options. Files are absolute. */
export interface Context {
  readonly url: string
  readonly apiKeyFile?: string | undefined
  readonly saslUser?: string | undefined
  readonly saslPasswordFile?: string | undefined
  readonly saslMechanism?: string | undefined
  readonly tlsCa?: string | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
}

interface Stored {
  readonly version: 1
  readonly current: string | null
  readonly contexts: { readonly [name: string]: Context }
}

const version = 1
const nothing: Stored = { version, current: null, contexts: {} }
const entries: readonly (keyof Context)[] = [
  'url',
  'apiKeyFile',
  'saslUser',
  'saslPasswordFile',
  'saslMechanism',
  'tlsCa',
  'tlsCert',
  'tlsKey',
]

export class Contexts {
  readonly path: string
  #stored: Stored

  /** Throws `CommandError` for a file that cannot be read. */
  static read(environment: Environment): Contexts {
    const path = pathOf(environment)
    return new Contexts(path, readStored(path))
  }

  private constructor(path: string, stored: Stored) {
    this.path = path
    this.#stored = stored
  }

  get current(): string | undefined {
    return this.#stored.current ?? undefined
  }

  get names(): string[] {
    return Object.keys(this.#stored.contexts).sort()
  }

  /** Throws `NotFoundError` for a name that there is not. */
  get(name: string): Context {
    const { contexts } = this.#stored
    if (Object.hasOwn(contexts, name)) return contexts[name]!
    throw new NotFoundError(`there is no context '${name}'`, {
      code: 'CONTEXT_NOT_FOUND',
      hint: didYouMean(name, this.names) ?? 'kafka-do context ls lists them',
    })
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#stored.contexts, name)
  }

  set(name: string, context: Context): void {
    const contexts = { ...this.#stored.contexts, [name]: context }
    this.#save({ ...this.#stored, contexts })
  }

  use(name: string): void {
    this.get(name)
    this.#save({ ...this.#stored, current: name })
  }

  remove(name: string): void {
    this.get(name)
    const { [name]: _, ...contexts } = this.#stored.contexts
    const current = this.#stored.current === name ? null : this.#stored.current
    this.#save({ ...this.#stored, current, contexts })
  }

  #save(stored: Stored): void {
    const scratch = `${this.path}.${process.pid}`
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 })
      writeFileSync(scratch, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600 })
      renameSync(scratch, this.path)
    } catch (error) {
      rmSync(scratch, { force: true })
      throw new CommandError(`${this.path} cannot be written: ${(error as Error).message}`, {
        code: (error as NodeJS.ErrnoException).code ?? 'FAILED',
        cause: error,
      })
    }
    this.#stored = stored
  }
}

function pathOf({ KAFKA_DO_CONTEXTS, XDG_CONFIG_HOME, HOME, USERPROFILE }: Environment): string {
  if (KAFKA_DO_CONTEXTS) return KAFKA_DO_CONTEXTS
  const settings = XDG_CONFIG_HOME || join(HOME || USERPROFILE || '.', '.config')
  return join(settings, 'kafka-do', 'contexts.json')
}

function readStored(path: string): Stored {
  let written: string
  try {
    written = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing
    throw unreadable(path, (error as Error).message)
  }
  let content: unknown
  try {
    content = JSON.parse(written)
  } catch (error) {
    throw unreadable(path, `it is not JSON: ${(error as Error).message}`)
  }
  if (!isStored(content)) throw unreadable(path, 'it was not written by kafka-do context')
  return content
}

function isStored(content: unknown): content is Stored {
  if (!isPlainObject(content)) return false
  const { version: written, current, contexts } = content as { [name: string]: unknown }
  if (written !== version || !(current === null || typeof current === 'string')) return false
  if (!isPlainObject(contexts)) return false
  return Object.values(contexts as object).every(isContext)
}

function isContext(value: unknown): value is Context {
  if (!isPlainObject(value)) return false
  const isKnown = Object.entries(value as object).every(
    ([name, one]) => entries.includes(name as keyof Context) && typeof one === 'string',
  )
  return isKnown && typeof (value as Context).url === 'string'
}

function unreadable(path: string, why: string): CommandError {
  return new CommandError(`the contexts in ${path} cannot be read: ${why}`, {
    code: 'CONTEXTS_UNREADABLE',
    hint: 'Fix or delete the file; KAFKA_DO_CONTEXTS selects another',
  })
}

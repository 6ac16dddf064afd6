/** The config file of a command: a JSON object whose entries are the names of options. */
import { readFile } from 'node:fs/promises'
import { inspectBriefly } from '../core/duration.ts'
import { type AnyOptionTable, invalid, isPlainObject, unknownOption } from '../core/options.ts'

export interface ConfigFile {
  readonly name: string
  /** The value of an entry, or undefined where the file has none. Not checked yet. */
  valueAt(path: readonly string[]): unknown
}

type Entries = { readonly [key: string]: unknown }

/**
 * Throws `ConfigError` for a file that cannot be read, is not JSON, or has an entry that `table` does
 * not know or that only code can give.
 */
export async function readConfigFile(name: string, table: AnyOptionTable): Promise<ConfigFile> {
  const written = await readFile(name, 'utf8').catch((error: Error) => {
    throw invalid(`The config file ${name} cannot be read: ${error.message}`)
  })
  const content = parse(name, written)
  checkEntries(`${name}: `, '', table, content)
  return {
    name,
    valueAt: (path) =>
      path.reduce<unknown>((value, key) => (value as Entries | undefined)?.[key], content),
  }
}

function parse(name: string, written: string): Entries {
  let content: unknown
  try {
    content = JSON.parse(written)
  } catch (error) {
    throw invalid(`The config file ${name} is not JSON: ${(error as Error).message}`)
  }
  if (!isPlainObject(content)) {
    throw invalid(
      `The config file ${name} must hold an object, such as { "port": 9092 }; got ${inspectBriefly(content)}`,
    )
  }
  return content as Entries
}

/** The values are checked where they are used: another source may count for more. */
function checkEntries(file: string, path: string, table: AnyOptionTable, entries: unknown): void {
  if (!isPlainObject(entries)) {
    throw invalid(`${file}${path} must be an object; got ${inspectBriefly(entries)}`)
  }
  for (const [key, value] of Object.entries(entries as Entries)) {
    const type = Object.hasOwn(table, key) ? table[key]!.type : undefined
    const entry = path === '' ? key : `${path}.${key}`
    if (type === undefined) {
      const known = Object.fromEntries(
        Object.entries(table).filter(([, { type }]) => !isCode(type)),
      )
      throw unknownOption(`${file}${path || 'it'}`, key, known)
    }
    if (isCode(type)) throw invalid(`${file}${entry} can only be given in code`)
    if (type.kind === 'options') checkEntries(file, entry, type.table, value)
    if (type.kind === 'list' && Array.isArray(value)) {
      for (const [i, one] of value.entries()) {
        checkEntries(file, `${entry}[${i}]`, type.item.table, one)
      }
    }
  }
}

function isCode({ kind }: { readonly kind: string }): boolean {
  return kind === 'object' || kind === 'function'
}

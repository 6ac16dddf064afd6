/**
 * Certificates and keys outside of code: where an option takes PEM, a flag, a variable or a config file
 * has the name of a file with it.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { OptionType } from '../core/option.ts'

type Entries = { readonly [key: string]: unknown }

/** `value` with the names of files as they are from `folder`. */
export function relativeTo(folder: string, type: OptionType, value: unknown): unknown {
  if (value === undefined) return undefined
  if (type.kind === 'pem') return resolve(folder, String(value))
  if (type.kind === 'list') {
    const { item } = type
    return (value as unknown[]).map((one) => relativeTo(folder, item, one))
  }
  if (type.kind !== 'options') return value
  const entries = Object.entries(value as Entries).map(([key, part]) => {
    const option = type.table[key]
    return [key, option ? relativeTo(folder, option.type, part) : part] as const
  })
  return Object.fromEntries(entries)
}

/**
 * `value` with what the files hold. Those that cannot be read are added to `problems`, one after the
 * other, so that their order is always the same; `name` is what errors call the value.
 */
export async function withPem(
  type: OptionType,
  value: unknown,
  name: string,
  problems: string[],
): Promise<unknown> {
  if (value === undefined) return undefined
  if (type.kind === 'pem') {
    return readFile(String(value), 'utf8').catch((error: Error) => {
      problems.push(`${name} ${value} cannot be read: ${error.message}`)
    })
  }
  if (type.kind === 'list') {
    const items: unknown[] = []
    for (const [i, one] of (value as unknown[]).entries()) {
      items.push(await withPem(type.item, one, `${name}[${i}]`, problems))
    }
    return items
  }
  if (type.kind !== 'options') return value
  const read: { [key: string]: unknown } = { ...(value as Entries) }
  for (const [key, option] of Object.entries(type.table)) {
    if (Object.hasOwn(read, key)) {
      read[key] = await withPem(option.type, read[key], `${name}.${key}`, problems)
    }
  }
  return read
}

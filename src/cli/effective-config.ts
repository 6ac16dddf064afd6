/**
 * What `kafka-do serve` goes by: for each setting the flag, else the variable of the environment, else
 * the entry of the config file, else the default. Every value remembers where it came from, and an
 * error about it says so.
 */
import { dirname, resolve } from 'node:path'
import { folderOfUrl } from '../core/folder-url.ts'
import { spellValue } from '../core/option-text.ts'
import { type AnyOptionTable, closest, invalid, readText } from '../core/options.ts'
import type { ConfigFile } from './config-file.ts'
import { relativeTo, withPem } from './pem-files.ts'
import type { Setting } from './serve-options.ts'

export interface Sources {
  /** By flag, as written; a flag that switches is true or false. */
  readonly flags: { readonly [flag: string]: string | boolean | undefined }
  readonly environment: { readonly [variable: string]: string | undefined }
  readonly file?: ConfigFile | undefined
}

export interface EffectiveSetting {
  readonly setting: Setting
  /** As the option reads it; of PEM the name of its file. Undefined: no value and no default. */
  readonly value: unknown
  /** What errors call it: `--port`, `KAFKA_DO_PORT` or `kafka-do.json: port`; undefined: the default. */
  readonly origin: string | undefined
}

/** Throws `ConfigError` that names the source of a wrong value. */
export function effectiveSettings(
  settings: readonly Setting[],
  sources: Sources,
): readonly EffectiveSetting[] {
  return settings.map((setting) => effectiveSetting(setting, sources))
}

function effectiveSetting(setting: Setting, sources: Sources): EffectiveSetting {
  const { flag, variable, option, path, entry, isOnlyInFile } = setting
  const given = isOnlyInFile ? undefined : sources.flags[flag]
  if (given !== undefined) return { setting, ...readFlag(setting, given) }

  const written = isOnlyInFile ? undefined : sources.environment[variable]
  // An empty variable is one that is not there, as shells have it.
  if (written && !isOfKubernetes(variable, written)) {
    return { setting, origin: variable, value: readText(option, written, variable) }
  }

  const { file } = sources
  const value = file?.valueAt(path)
  if (file && value !== undefined) {
    const origin = `${file.name}: ${entry}`
    const read = option.read(value, origin)
    // Of a list, what was written: it is read again when the files that it names have been.
    return { setting, origin, value: besideFile(setting, isOnlyInFile ? value : read, file) }
  }
  return { setting, origin: undefined, value: option.fallback }
}

function readFlag(
  { flag, option }: Setting,
  given: string | boolean,
): Pick<EffectiveSetting, 'origin' | 'value'> {
  if (typeof given === 'string') {
    return { origin: `--${flag}`, value: readText(option, given, `--${flag}`) }
  }
  return { origin: given ? `--${flag}` : `--no-${flag}`, value: given }
}

/**
 * Kubernetes gives the pods beside a service called `kafka-do` a `KAFKA_DO_PORT=tcp://10.0.0.1:9092`, and beside one called
 * `kafka-do-http` a `KAFKA_DO_HTTP_PORT`, which say nothing about where to listen.
 */
function isOfKubernetes(variable: string, written: string): boolean {
  return variable.endsWith('_PORT') && /^(tcp|udp):\/\//.test(written)
}

/** Files that a config file names are looked for beside it, wherever the command is run. */
function besideFile({ option, entry }: Setting, value: unknown, file: ConfigFile): unknown {
  const folder = dirname(file.name)
  // `memory:` is no folder.
  if (entry === 'data' && value !== 'memory:') {
    const data = String(value)
    const isUrl = data.startsWith('file:')
    return resolve(folder, isUrl ? folderOfUrl(data, `${file.name}: ${entry}`) : data)
  }
  return relativeTo(folder, option.type, value)
}

/**
 * The config that the sources make, with what its parts have to do with each other checked, and the
 * files of certificates read. What no source gives is left to the defaults of `table`. `Config` is
 * what its options are given as. Throws `ConfigError`, which names all files that cannot be read.
 */
export async function toConfig<Config extends object>(
  effective: readonly EffectiveSetting[],
  table: AnyOptionTable,
): Promise<Config> {
  // What contradicts itself is told before any file is looked at.
  compose(effective, table)
  const problems: string[] = []
  const read: EffectiveSetting[] = []
  for (const one of effective) {
    const { setting, value } = one
    read.push({
      ...one,
      value: await withPem(setting.option.type, value, nameOf(one), problems),
    })
  }
  if (problems.length > 0) throw invalid(problems.join('; '))
  return compose(read, table) as Config
}

function compose(
  effective: readonly EffectiveSetting[],
  table: AnyOptionTable,
): { readonly [key: string]: unknown } {
  const config: { [key: string]: unknown } = {}
  for (const [key, { type }] of Object.entries(table)) {
    const parts = effective.filter(({ setting: { path } }) => path[0] === key)
    if (parts.every(({ origin }) => origin === undefined)) continue
    if (type.kind !== 'options') {
      config[key] = parts[0]!.value
      continue
    }
    const part = (name: string) => parts.find(({ setting: { path } }) => path[1] === name)!
    const given = Object.fromEntries(parts.map(({ setting, value }) => [setting.path[1]!, value]))
    config[key] = type.check(given as never, (name) => nameOf(part(name)))
  }
  return config
}

function nameOf({ origin, setting }: EffectiveSetting): string {
  return origin ?? `--${setting.flag}`
}

/** Each setting with its value and where that came from, for people. */
export function printed(effective: readonly EffectiveSetting[]): string {
  const rows = effective.map(({ setting: { entry, option }, value, origin }) => [
    entry,
    spellValue(option.type, value) ?? option.byDefault?.replaceAll('`', '') ?? '-',
    origin ?? 'default',
  ])
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: string[]) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}

/** What is told of variables that are nearly ours: they set nothing. */
export function unknownVariables(
  settings: readonly Setting[],
  environment: Sources['environment'],
): string[] {
  const own = settings.filter(({ isOnlyInFile }) => !isOnlyInFile)
  const known = [...own.map(({ variable }) => variable), 'KAFKA_DO_CONFIG']
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith('KAFKA_DO_') || known.includes(name)) return []
    const near = closest(name, known)
    return near ? [`There is no setting ${name} in the environment. Did you mean ${near}?`] : []
  })
}

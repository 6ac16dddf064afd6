/**
 * The settings of `kafka-do serve`, as the tables of the server and the broker have them: each with
 * its flag, its variable of the environment and its entry in a config file.
 *
 * One scheme: an entry is the option's own name, inside `tls` and `broker` as in `ServerConfig`; a flag
 * is the name in kebab case, with `tls-` before those of TLS; a variable is `KAFKA_DO_` and the flag in
 * capitals. A list has only its entry. What only code can give (a logger, a clock) has none of them.
 */
import type { DocsOf, DocumentedOption, DocumentedTable } from '../core/option.ts'
import { documented } from '../core/option-text.ts'
import { type OptionTable, oneOf, variableOf } from '../core/options.ts'
import { serverOptions } from '../server/server-config.ts'
import { serverDocs } from '../server/server-config-docs.ts'
import { type LogFormat, type LogLevel, logFormats, logLevels } from './console-logger.ts'

export interface LogOptions {
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
}

const logging = 'Logging'

/** Of the command itself. */
export const logOptions: OptionTable<LogOptions> = {
  logLevel: oneOf('info', logLevels),
  logFormat: oneOf('text', logFormats),
}

const logDocs: DocsOf<LogOptions> = {
  logLevel: { doc: 'Lowest level that is logged, to standard error.', section: logging },
  logFormat: { doc: "Log format: text for people, or `'json'`.", section: logging },
}

/** What a config file may hold. */
export const serveOptions: DocumentedTable = {
  ...documented(serverOptions, serverDocs),
  ...documented(logOptions, logDocs),
}

export interface Setting {
  /** Where it stands in a config file: `['broker', 'retention']`. */
  readonly path: readonly string[]
  /** `broker.retention` */
  readonly entry: string
  /** Without `--`: `retention`. */
  readonly flag: string
  readonly variable: string
  readonly option: DocumentedOption
  /** A list fits into no flag and no variable. */
  readonly isOnlyInFile: boolean
}

/** All that can be set from outside, in the order of the tables. */
export const serveSettings: readonly Setting[] = settingsOf(serveOptions)

export function settingsOf(table: DocumentedTable, path: readonly string[] = []): Setting[] {
  return Object.entries(table).flatMap(([key, option]): Setting[] => {
    const here = [...path, key]
    if (option.type.kind === 'options')
      return settingsOf(option.type.table as DocumentedTable, here)
    if (option.type.kind === 'object' || option.type.kind === 'function') return []
    // The broker's names are their own: `--retention`, as Kafka's settings are not `broker.retention`.
    const name = here[0] === 'broker' ? key : here.map(capitalAfterFirst).join('')
    const flag = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    const isOnlyInFile = option.type.kind === 'list'
    const variable = variableOf(name)
    return [{ path: here, entry: here.join('.'), flag, variable, option, isOnlyInFile }]
  })
}

function capitalAfterFirst(name: string, index: number): string {
  return index === 0 ? name : name.charAt(0).toUpperCase() + name.slice(1)
}

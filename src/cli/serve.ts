/** `kafka-do serve`: a broker on a data folder, until SIGINT or SIGTERM; on SIGHUP it reads its settings anew. */
import { describeOption } from '../core/option-text.ts'
import type { Logger } from '../core/runtime.ts'
import type { Server } from '../server/server.ts'
import { type ServerConfig, serverOptions } from '../server/server-config.ts'
import { readConfigFile } from './config-file.ts'
import { createConsoleLogger } from './console-logger.ts'
import { effectiveSettings, printed, toConfig, unknownVariables } from './effective-config.ts'
import { registeredTelemetry } from './registered-telemetry.ts'
import { Reloading } from './reloading.ts'
import {
  type LogOptions,
  logOptions,
  type Setting,
  serveOptions,
  serveSettings,
} from './serve-options.ts'
import {
  attributeOf,
  defineCommand,
  type FlagsOf,
  type OptionSpec,
  type OptionTable,
  switchOption,
  toggleOption,
  valueOption,
} from './shell/command.ts'
import { exitCode } from './shell/exit-code.ts'
import type { Environment, Io } from './shell/io.ts'

const section = 'Settings:'

/** Of the command alone: they say where settings are, and what to do with them. */
const ownOptions = {
  config: valueOption({
    placeholder: 'file',
    doc: 'JSON file with settings',
    byDefault: 'KAFKA_DO_CONFIG',
    completes: 'file',
    section,
  }),
  printConfig: switchOption({
    doc: 'print each setting and where it comes from, and exit',
    section,
  }),
} as const

type Flags = FlagsOf<typeof ownOptions> & { readonly [attribute: string]: unknown }

export const serve = defineCommand({
  connects: false,
  formats: [],
  options: { ...ownOptions, ...settingOptions() } as typeof ownOptions,
  more: `A flag overrides the environment, which overrides the config file. Each flag has a variable:
${serveSettings[2]!.variable} for --${serveSettings[2]!.flag}. docs/configuration.md lists the entries of the config file.`,
  examples: [
    'kafka-do serve --data ./data',
    'kafka-do serve --data ./data --host 0.0.0.0 --advertised-host events.example.com',
    'kafka-do serve --data ./data --http-port 8080 --management-port 9308',
    'kafka-do serve --upstream kafka://broker:9092 --http-port 8080',
    'kafka-do serve --config kafka-do.json --log-level debug',
  ],
  run: ({ flags, io }) => runServer(flags, io),
})

function settingOptions(): OptionTable {
  return Object.fromEntries(
    serveSettings
      .filter(({ isOnlyInFile }) => !isOnlyInFile)
      .map(({ flag, option }) => [attributeOf(flag), settingOption(option)]),
  )
}

/** The value is read with those of the environment and of the config file. */
function settingOption(option: Setting['option']): OptionSpec {
  const { type, fallback } = option
  const about = {
    doc: describeOption(option).replaceAll('`', ''),
    section: `${option.section ?? 'Settings'}:`,
  }
  if (type.kind === 'boolean') return toggleOption({ ...about, isOn: fallback === true })
  const placeholder = placeholderOf(option)
  return valueOption({
    ...about,
    placeholder,
    ...(type.kind === 'choice' && { choices: type.allowed.map(String) }),
    ...((placeholder === 'file' || placeholder === 'folder') && { completes: placeholder }),
  })
}

function placeholderOf({ type, placeholder }: Setting['option']): string {
  if (placeholder !== undefined) return placeholder
  if (type.kind === 'choice') return type.allowed.join('|')
  return type.kind === 'pem' ? 'file' : type.kind === 'integer' ? 'number' : type.kind
}

/** What the sources say now: the config file and the files of certificates are read each time. */
async function readSettings(given: Flags, environment: Environment) {
  const name = given.config ?? (environment.KAFKA_DO_CONFIG || undefined)
  const file = name === undefined ? undefined : await readConfigFile(name, serveOptions)
  const flags = Object.fromEntries(
    serveSettings.map(({ flag }) => [flag, given[attributeOf(flag)] as string | boolean]),
  )
  const effective = effectiveSettings(serveSettings, { flags, environment, file })
  const {
    logLevel = logOptions.logLevel.fallback,
    logFormat = logOptions.logFormat.fallback,
    data = serverOptions.data.fallback,
    ...config
  } = await toConfig<Partial<LogOptions> & ServerConfig>(effective, serveOptions)
  return { logLevel, logFormat, config: { ...config, data }, effective }
}

async function runServer(given: Flags, { stdout, environment }: Io): Promise<void> {
  let settings = await readSettings(given, environment)
  if (given.printConfig) {
    stdout.write(printed(settings.effective))
    return
  }
  const { config } = settings
  const { data } = config
  let log = createConsoleLogger(settings.logLevel, settings.logFormat)
  /** Its level may change. */
  const logger: Logger = {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  }
  const reloading = new Reloading(logger)
  for (const mistake of unknownVariables(serveSettings, environment)) logger.warn({}, mistake)
  const telemetry = await registeredTelemetry(logger)
  // Whoever reads that it serves may stop it at once.
  const signal = stopSignal()
  let isOpen = false
  // As process 1 of a container it would not end by itself. What it recovers is recovered again by the next start.
  void signal.then((name) => {
    if (isOpen) return
    stdout.write('Stopped while opening the data folder.\n')
    process.exit(codeOf(name))
  })
  // Help and --print-config need no broker.
  const { createServer } = await import('../server/server.ts')
  const server = await createServer({ ...config, logger, telemetry })
  isOpen = true
  reloading.begin(async () => {
    const wanted = await readSettings(given, environment)
    const { changed, needRestart } = server.reload({ ...wanted.config, logger })
    const ofLog = (['logLevel', 'logFormat'] as const).filter(
      (key) => wanted[key] !== settings[key],
    )
    settings = wanted
    const onSaid = () => {
      log = createConsoleLogger(wanted.logLevel, wanted.logFormat)
    }
    return { changed: [...ofLog, ...changed], needRestart, onSaid }
  })
  const served = config.upstream === undefined ? data : await withoutPassword(config.upstream)
  const urls = server.listeners.filter(({ kind }) => kind !== 'management').map(({ url }) => url)
  const { managementUrl } = server
  const health = managementUrl === undefined ? '' : `, health and metrics at ${managementUrl}`
  stdout.write(`kafka-do serves ${served} at ${urls.join(' and ')}${health} (Ctrl-C stops it)\n`)
  if (server.firstKey) stdout.write(firstKeyText(server.firstKey))
  await signal
  reloading.end()
  await stop(server, stdout)
}

async function withoutPassword(url: string): Promise<string> {
  const { maskPassword } = await import('../server/upstream.ts')
  return maskPassword(url)
}

/** Where the key is that may do everything; in memory there is no other place than here. */
function firstKeyText({ key, path }: NonNullable<Server['firstKey']>): string {
  return path === undefined
    ? `The first API key, for everything: ${key}\n`
    : `The first API key, for everything, is in ${path}\n`
}

const endingSignals = ['SIGINT', 'SIGTERM'] as const
type EndingSignal = (typeof endingSignals)[number]

function codeOf(signal: EndingSignal): number {
  return signal === 'SIGINT' ? exitCode.interrupted : exitCode.terminated
}

function stopSignal(): Promise<EndingSignal> {
  return new Promise((resolve) => {
    for (const signal of endingSignals) process.once(signal, () => resolve(signal))
  })
}

/** A second signal does not wait. */
async function stop(server: Server, stdout: Io['stdout']): Promise<void> {
  stdout.write('Finishing requests in flight ...\n')
  for (const signal of endingSignals) {
    process.once(signal, () => process.exit(codeOf(signal)))
  }
  await server.close()
  stdout.write('Closed; everything acknowledged is stored.\n')
}

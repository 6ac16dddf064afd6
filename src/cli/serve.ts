/** `kafka-do serve`: a broker on a data folder, until SIGINT or SIGTERM; on SIGHUP it reads its settings anew. */
import { Command, Option } from 'commander'
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

/** Of the command alone: they say where settings are, and what to do with them. */
interface OwnFlags {
  readonly config?: string
  readonly printConfig?: boolean
}

type Flags = OwnFlags & { readonly [attribute: string]: string | boolean | undefined }

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve the events of a data folder to every Kafka client')
    .addOption(
      new Option('--config <file>', 'JSON file with settings, by the names of options')
        .env('KAFKA_DO_CONFIG')
        .helpGroup('Settings:'),
    )
    .addOption(
      new Option(
        '--print-config',
        'show each setting and where it comes from; serve nothing',
      ).helpGroup('Settings:'),
    )
    .helpOption('-h, --help', 'show this')
    .addHelpText(
      'after',
      `
A flag counts for more than the environment, that for more than the config file. Each flag has a
variable: ${serveSettings[2]!.variable} for --${serveSettings[2]!.flag}. docs/configuration.md has the entries of the config file.

Examples:
  $ kafka-do serve --data ./data
  $ kafka-do serve --data ./data --host 0.0.0.0 --advertised-host events.example.com
  $ kafka-do serve --data ./data --http-port 8080 --management-port 9308
  $ kafka-do serve --upstream kafka://broker:9092 --http-port 8080
  $ kafka-do serve --config kafka-do.json --log-level debug
  $ KAFKA_DO_URL=kafka://localhost:9092 node my-app.js`,
    )
    .action(serve)
  for (const setting of serveSettings) {
    if (setting.isOnlyInFile) continue
    for (const option of flagsOf(setting)) command.addOption(option)
  }
  return command
}

/** What switches has a flag for each way; the help shows the one that changes something. */
function flagsOf({ flag, option }: Setting): Option[] {
  const text = describeOption(option).replaceAll('`', '')
  const group = `${option.section ?? 'Settings'}:`
  if (option.type.kind !== 'boolean') {
    return [new Option(`--${flag} <${placeholderOf(option)}>`, text).helpGroup(group)]
  }
  const on = new Option(`--${flag}`, text).hideHelp(option.fallback === true)
  const off = new Option(`--no-${flag}`, text).hideHelp(option.fallback !== true)
  return [on.helpGroup(group), off.helpGroup(group)]
}

function placeholderOf({ type, placeholder }: Setting['option']): string {
  if (placeholder !== undefined) return placeholder
  if (type.kind === 'choice') return type.allowed.join('|')
  return type.kind === 'pem' ? 'file' : type.kind === 'integer' ? 'number' : type.kind
}

/** What the sources say now: the config file and the files of certificates are read each time. */
async function readSettings(given: Flags) {
  const file =
    given.config === undefined ? undefined : await readConfigFile(given.config, serveOptions)
  const flags = Object.fromEntries(
    serveSettings.map(({ flag }) => [flag, given[new Option(`--${flag}`).attributeName()]]),
  )
  const environment = process.env
  const effective = effectiveSettings(serveSettings, { flags, environment, file })
  const {
    logLevel = logOptions.logLevel.fallback,
    logFormat = logOptions.logFormat.fallback,
    data = serverOptions.data.fallback,
    ...config
  } = await toConfig<Partial<LogOptions> & ServerConfig>(effective, serveOptions)
  return { logLevel, logFormat, config: { ...config, data }, effective }
}

async function serve(given: Flags): Promise<void> {
  let settings = await readSettings(given)
  if (given.printConfig) {
    process.stdout.write(printed(settings.effective))
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
  for (const mistake of unknownVariables(serveSettings, process.env)) logger.warn({}, mistake)
  const telemetry = await registeredTelemetry(logger)
  // Whoever reads that it serves may stop it at once.
  const signal = stopSignal()
  let isOpen = false
  // As process 1 of a container it would not end by itself. What it recovers is recovered again by the next start.
  void signal.then(() => {
    if (isOpen) return
    process.stdout.write('Stopped while it was being opened.\n')
    process.exit(1)
  })
  // Help and --print-config need no broker.
  const { createServer } = await import('../server/server.ts')
  const server = await createServer({ ...config, logger, telemetry })
  isOpen = true
  reloading.begin(async () => {
    const wanted = await readSettings(given)
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
  process.stdout.write(
    `kafka-do serves ${served} at ${urls.join(' and ')}${health} (Ctrl-C stops it)\n`,
  )
  if (server.firstKey) process.stdout.write(firstKeyText(server.firstKey))
  await signal
  reloading.end()
  await stop(server)
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

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of endingSignals) process.once(signal, () => resolve())
  })
}

/** A second signal does not wait. */
async function stop(server: Server): Promise<void> {
  process.stdout.write('Finishing what is in flight ...\n')
  for (const signal of endingSignals) {
    process.once(signal, () => process.exit(1))
  }
  await server.close()
  process.stdout.write('Closed; everything acknowledged is stored.\n')
}

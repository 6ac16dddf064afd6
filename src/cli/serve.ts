/** `kafka-do serve`: a broker on a data folder, until SIGINT or SIGTERM. */
import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { invalid } from '../core/options.ts'
import { createServer, type Server } from '../server/server.ts'
import type { ServerConfig, TlsConfig } from '../server/server-config.ts'
import {
  createConsoleLogger,
  type LogFormat,
  type LogLevel,
  logFormats,
  logLevels,
} from './console-logger.ts'

interface ServeOptions {
  data: string
  host: string
  port: number
  advertisedHost?: string
  advertisedPort?: number
  tlsCert?: string
  tlsKey?: string
  tlsCa?: string
  partitions: number
  autoCreateTopics: boolean
  logLevel: LogLevel
  logFormat: LogFormat
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve the events of a data folder to every Kafka client')
    .addOption(
      new Option('--data <dir>', 'data folder; memory: keeps nothing after the end')
        .default('./.kafka-do')
        .env('KAFKA_DO_DATA'),
    )
    .option('--host <address>', 'address to listen at; 0.0.0.0 for all interfaces', '127.0.0.1')
    .option('--port <number>', 'port; 0 takes a free one', port, 9092)
    .option('--advertised-host <name>', 'host name that clients connect to, when it is not --host')
    .option(
      '--advertised-port <number>',
      'port that clients connect to, when it is not --port',
      port,
    )
    .option('--tls-cert <file>', 'certificate chain (PEM): speak TLS')
    .option('--tls-key <file>', 'private key of the certificate (PEM)')
    .option('--tls-ca <file>', "authority (PEM) that clients' certificates must come from")
    .option(
      '--partitions <number>',
      'partitions of a topic that is created without a number',
      count,
      1,
    )
    .option('--no-auto-create-topics', 'do not create a topic because a client asks for it')
    .addOption(
      new Option('--log-level <level>', 'what to log').choices([...logLevels]).default('info'),
    )
    .addOption(new Option('--log-format <format>', 'how').choices([...logFormats]).default('text'))
    .addHelpText(
      'after',
      `
Examples:
  $ kafka-do serve --data ./data
  $ kafka-do serve --data ./data --host 0.0.0.0 --advertised-host events.example.com
  $ KAFKA_DO_URL=kafka://localhost:9092 node my-app.js`,
    )
    .action(serve)
}

async function serve(options: ServeOptions): Promise<void> {
  const logger = createConsoleLogger(options.logLevel, options.logFormat)
  const config: ServerConfig = {
    data: options.data,
    host: options.host,
    port: options.port,
    advertisedHost: options.advertisedHost,
    advertisedPort: options.advertisedPort,
    tls: await tlsOf(options),
    broker: {
      defaultPartitions: options.partitions,
      autoCreateTopics: options.autoCreateTopics,
    },
    logger,
  }
  const server = await createServer(config)
  process.stdout.write(`kafka-do serves ${options.data} at ${server.url} (Ctrl-C stops it)\n`)
  await stopped(server)
}

/** Resolves when a signal has stopped the server; a second signal does not wait. */
async function stopped(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  process.stdout.write('Finishing what is in flight ...\n')
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(1))
  }
  await server.close()
  process.stdout.write('Closed; everything acknowledged is stored.\n')
}

async function tlsOf({ tlsCert, tlsKey, tlsCa }: ServeOptions): Promise<TlsConfig | undefined> {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw invalid('--tls-cert and --tls-key go together: give both')
  }
  const [cert, key, ca] = await Promise.all([
    readTextFile(tlsCert, '--tls-cert'),
    readTextFile(tlsKey, '--tls-key'),
    tlsCa === undefined ? undefined : readTextFile(tlsCa, '--tls-ca'),
  ])
  return { cert, key, ca }
}

async function readTextFile(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw invalid(`${option} ${path} cannot be read: ${(error as Error).message}`)
  }
}

function port(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value <= 65_535) return value
  throw new InvalidArgumentError('It must be a port, 0 to 65535.')
}

function count(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1) return value
  throw new InvalidArgumentError('It must be a whole number, 1 or more.')
}

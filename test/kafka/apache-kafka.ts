/**
 * A real Apache Kafka for tests: KRaft, one node that is broker and controller, on loopback, in a folder of its own.
 *
 * Listeners: plain always; with `users` also SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512) over plain TCP; with `tls` also
 * TLS; with both, SASL over TLS. Ports are free ones, tried anew when another process takes one first.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Certificate, createCertificate } from './certificate.ts'
import { freePorts } from './free-port.ts'
import { spawnGuarded } from './guarded-process.ts'
import { javaClassPath, javaProgram } from './java-class-path.ts'
import { JavaProcess, runTool } from './java-tools.ts'

export interface ApacheKafkaOptions {
  /** Broker settings beyond those of tests, by Kafka's names. */
  properties?: { readonly [name: string]: string | number | boolean } | undefined
  /** Passwords by user name: adds SASL listeners. */
  users?: { readonly [name: string]: string } | undefined
  /** Adds TLS listeners. */
  tls?: boolean | undefined
  /** `transaction.version`, the feature: 0, 1 or 2. Default: the newest. */
  transactionVersion?: number | undefined
  /** It is one more broker of a cluster whose controller is there. Default: a cluster of its own. */
  joins?: { readonly nodeId: number; readonly controller: string } | undefined
  /** Options of the JVM. Default: a heap of 512 MiB. */
  jvmArgs?: readonly string[] | undefined
}

/** Where one of its listeners is. */
export interface Endpoint {
  readonly port: number
  /** `127.0.0.1:PORT`. */
  readonly bootstrap: string
  /** For our client; without a user's name and password. */
  readonly url: string
}

const startTimeoutMs = 120_000
const portAttempts = 5

export async function startApacheKafka(options: ApacheKafkaOptions = {}): Promise<ApacheKafka> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-do-apache-kafka-'))
  const certificate = options.tls ? await createCertificate(folder) : undefined
  try {
    for (let attempt = 1; ; attempt++) {
      const kafka = new ApacheKafka(folder, options, await endpoints(options), certificate)
      try {
        await kafka.format()
        await kafka.start()
        return kafka
      } catch (error) {
        await kafka.kill()
        if (attempt === portAttempts || !/Address already in use/.test(String(error))) throw error
        await rm(kafka.dataFolder, { recursive: true, force: true })
      }
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

type ListenerName = 'PLAINTEXT' | 'SASL_PLAINTEXT' | 'SSL' | 'SASL_SSL'
type Endpoints = Map<ListenerName | 'CONTROLLER', Endpoint>

export class ApacheKafka {
  /** The plain listener. */
  readonly port: number
  readonly bootstrap: string
  readonly url: string
  /** SASL over plain TCP; there with `users`. */
  readonly sasl: Endpoint | undefined
  /** TLS; there with `tls`. */
  readonly tls: Endpoint | undefined
  /** SASL over TLS; there with both. */
  readonly saslTls: Endpoint | undefined
  /** What the TLS listeners show, for clients to trust. */
  readonly certificate: Certificate | undefined
  readonly dataFolder: string
  readonly #folder: string
  readonly #options: ApacheKafkaOptions
  readonly #endpoints: Endpoints
  #process: JavaProcess | undefined

  constructor(
    folder: string,
    options: ApacheKafkaOptions,
    listeners: Endpoints,
    certificate: Certificate | undefined,
  ) {
    const plain = listeners.get('PLAINTEXT')!
    this.port = plain.port
    this.bootstrap = plain.bootstrap
    this.url = plain.url
    this.sasl = listeners.get('SASL_PLAINTEXT')
    this.tls = listeners.get('SSL')
    this.saslTls = listeners.get('SASL_SSL')
    this.certificate = certificate
    this.dataFolder = join(folder, 'data')
    this.#folder = folder
    this.#options = options
    this.#endpoints = listeners
  }

  /** Of its controller: `127.0.0.1:PORT`. */
  get controller(): string {
    return this.#options.joins?.controller ?? this.#endpoints.get('CONTROLLER')!.bootstrap
  }

  /** Process id, for measuring. */
  get pid(): number | undefined {
    return this.#process?.child.pid
  }

  /** Writes its settings and makes its data folder. */
  async format(): Promise<void> {
    const lines = Object.entries({ ...this.#properties(), ...this.#options.properties }).map(
      ([name, value]) => `${name}=${value}\n`,
    )
    await writeFile(this.#configFile, lines.join(''))
    const scram = Object.entries(this.#options.users ?? {}).flatMap(([name, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
        '--add-scram',
        `${mechanism}=[name=${name},password=${password}]`,
      ]),
    )
    const { transactionVersion } = this.#options
    const features =
      transactionVersion === undefined
        ? []
        : ['--feature', `transaction.version=${transactionVersion}`]
    const clusterId = 'a2Fma2EtZG8tdGVzdHMtMQ'
    const { exitCode, stdout, stderr } = await runTool('storage', [
      'format',
      this.#options.joins ? '--no-initial-controllers' : '--standalone',
      '--cluster-id',
      clusterId,
      '--config',
      this.#configFile,
      ...scram,
      ...(this.#options.joins ? [] : features),
    ])
    if (exitCode !== 0) throw new Error(`kafka-storage format failed:\n${stdout}\n${stderr}`)
  }

  /** Starts it on its data folder, also after `kill`; resolves when it answers. */
  async start(): Promise<void> {
    const log4j = fileURLToPath(new URL('log4j2-server.properties', import.meta.url))
    const args = [
      ...(this.#options.jvmArgs ?? ['-Xms256m', '-Xmx512m']),
      `-Dlog4j2.configurationFile=${log4j}`,
      '-cp',
      await javaClassPath(),
      'kafka.Kafka',
      this.#configFile,
    ]
    this.#process = new JavaProcess(
      'Apache Kafka',
      await spawnGuarded(javaProgram('java'), args, { folder: this.#folder }),
    )
    await this.#process.until(
      ({ stdout }) => stdout.includes('Kafka Server started'),
      startTimeoutMs,
    )
  }

  /** What it has logged since it was started: warnings and errors. */
  get log(): string {
    return this.#process?.stdout ?? ''
  }

  /** Ends it in good order and removes its folder. Idempotent. */
  async stop(): Promise<void> {
    const process = this.#process
    this.#process = undefined
    const timer = setTimeout(() => process?.kill(), 30_000)
    await process?.stop()
    clearTimeout(timer)
    await rm(this.#folder, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Ends it as a power cut would; `start` brings it back with its data. */
  async kill(): Promise<void> {
    await this.#process?.kill()
    this.#process = undefined
  }

  get #configFile(): string {
    return join(this.#folder, 'server.properties')
  }

  #properties(): { [name: string]: string | number } {
    const { joins } = this.#options
    const own = [...this.#endpoints].filter(([name]) => !joins || name !== 'CONTROLLER')
    const listeners = own.map(([name, { bootstrap }]) => `${name}://${bootstrap}`)
    const protocols = [...this.#endpoints.keys()].map(
      (name) => `${name}:${name === 'CONTROLLER' ? 'PLAINTEXT' : name}`,
    )
    return {
      'process.roles': joins ? 'broker' : 'broker,controller',
      'node.id': joins?.nodeId ?? 1,
      'log.dirs': this.dataFolder,
      listeners: listeners.join(','),
      'advertised.listeners': listeners.filter((l) => !l.startsWith('CONTROLLER')).join(','),
      'listener.security.protocol.map': protocols.join(','),
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.bootstrap.servers': this.controller,
      ...oneNode,
      ...(this.#options.users && saslProperties(this.#options.users)),
      ...(this.certificate && {
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': this.certificate.keystoreFile,
      }),
    }
  }
}

/** What one node can do, and no more threads and memory than tests need. */
const oneNode = {
  'offsets.topic.replication.factor': 1,
  'offsets.topic.num.partitions': 4,
  'transaction.state.log.replication.factor': 1,
  'transaction.state.log.min.isr': 1,
  'transaction.state.log.num.partitions': 4,
  'share.coordinator.state.topic.replication.factor': 1,
  'share.coordinator.state.topic.min.isr': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'log.cleaner.dedupe.buffer.size': 4_194_304,
  'controlled.shutdown.enable': 'false',
}

function saslProperties(users: { readonly [name: string]: string }): { [name: string]: string } {
  const passwords = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  const properties: { [name: string]: string } = {
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
  }
  for (const listener of ['sasl_plaintext', 'sasl_ssl']) {
    const name = `listener.name.${listener}`
    const security = 'org.apache.kafka.common.security'
    properties[`${name}.plain.sasl.jaas.config`] =
      `${security}.plain.PlainLoginModule required ${passwords.join(' ')};`
    for (const mechanism of ['scram-sha-256', 'scram-sha-512']) {
      properties[`${name}.${mechanism}.sasl.jaas.config`] =
        `${security}.scram.ScramLoginModule required;`
    }
  }
  return properties
}

async function endpoints({ users, tls }: ApacheKafkaOptions): Promise<Endpoints> {
  const names: (ListenerName | 'CONTROLLER')[] = ['CONTROLLER', 'PLAINTEXT']
  if (users) names.push('SASL_PLAINTEXT')
  if (tls) names.push('SSL')
  if (users && tls) names.push('SASL_SSL')
  const ports = await freePorts(names.length)
  return new Map(
    names.map((name, i) => {
      const bootstrap = `127.0.0.1:${ports[i]}`
      const scheme = name.endsWith('SSL') ? 'kafka+tls' : 'kafka'
      return [name, { port: ports[i]!, bootstrap, url: `${scheme}://${bootstrap}` }]
    }),
  )
}

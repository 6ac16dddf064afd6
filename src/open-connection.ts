/**
 * Composition: the connection that a URL calls for. Brokers are loaded only when an embedded one is wanted, so a client
 * of a remote cluster carries none of their code along.
 *
 * Embedded brokers on one folder are shared by all clients of the process (a folder has one broker): the one piece
 * of state at module level, here on purpose.
 */
import type { BrokerConfigInput } from './broker/config.ts'
import type { ResolvedClientConfig } from './client/config.ts'
import type { Connection } from './connection/connection.ts'
import { type EmbeddedBroker, EmbeddedConnection } from './connection/embedded.ts'
import { LazyConnection } from './connection/lazy.ts'
import { maskPassword, parseKafkaUrl } from './connection/tcp/address.ts'
import { invalid } from './core/options.ts'
import type { Runtime } from './core/runtime.ts'
import type { FileSystem } from './storage/file-system.ts'

interface SharedBroker {
  users: number
  readonly opened: Promise<EmbeddedBroker>
}

const brokersByFolder = new Map<string, SharedBroker>()

/** Throws `ConfigError` for a URL that cannot be used. Opens nothing yet. */
export function openConnection(
  config: ResolvedClientConfig,
  broker: BrokerConfigInput | undefined,
): Connection {
  const { url, clientId, runtime } = config
  const scheme = /^([a-z+]+):/.exec(url)?.[1]
  if (scheme === 'memory') {
    return new EmbeddedConnection(url, clientId, runtime, () => openInMemory(runtime, broker))
  }
  if (scheme === 'file') {
    const folder = folderOf(url)
    return new EmbeddedConnection(url, clientId, runtime, () => openFolder(folder, runtime, broker))
  }
  if (scheme === 'kafka' || scheme === 'kafka+tls') {
    if (broker) throw invalid('ClientConfig.broker is for embedded brokers: file: and memory:')
    return new LazyConnection(maskPassword(url), tcpOpener(config))
  }
  const isWeb = scheme === 'https' || scheme === 'http'
  throw invalid(
    `ClientConfig.url '${maskPassword(url)}' cannot be used: give file:./folder (embedded, durable), memory: (embedded, gone at exit), kafka://host:9092 or kafka+tls://host:9092${isWeb ? '. The HTTP service is not there yet' : ''}`,
  )
}

/** Throws `ConfigError`. Sockets are loaded with the first exchange. */
function tcpOpener(config: ResolvedClientConfig): () => Promise<Connection> {
  const { url, clientId, runtime, timeout, tls } = config
  const { hasTls, bootstrap, sasl } = parseKafkaUrl(url)
  if (tls && !hasTls) throw invalid('ClientConfig.tls is for kafka+tls:// URLs')
  if (sasl && config.sasl)
    throw invalid('ClientConfig.sasl and the URL both name a user; one must go')
  return async () => {
    const { TcpConnection } = await import('./connection/tcp/tcp.ts')
    return new TcpConnection({
      url: maskPassword(url),
      bootstrap,
      clientId,
      runtime,
      timeoutMs: timeout,
      tls: hasTls ? (tls ?? {}) : undefined,
      sasl: config.sasl ?? sasl,
    })
  }
}

/** `file:./dir`, `file:dir`, `file:/abs/dir` and `file:///abs/dir`; relative to the working directory. */
function folderOf(url: string): string {
  const path = url.slice('file:'.length).replace(/^\/\/(?=\/)/, '')
  if (path === '' || path.startsWith('//')) {
    throw invalid(
      `ClientConfig.url '${url}' names no folder; write file:./folder or file:/absolute/folder`,
    )
  }
  return path
}

async function openInMemory(
  runtime: Runtime,
  broker: BrokerConfigInput | undefined,
): Promise<EmbeddedBroker> {
  const { createMemoryFileSystem } = await import('./storage/memory-file-system.ts')
  return openBroker(createMemoryFileSystem(), runtime, broker)
}

async function openFolder(
  folder: string,
  runtime: Runtime,
  broker: BrokerConfigInput | undefined,
): Promise<EmbeddedBroker> {
  const [{ resolve }, { createNodeFileSystem }] = await Promise.all([
    import('node:path'),
    import('./storage/node-file-system.ts'),
  ])
  const path = resolve(folder)
  let shared = brokersByFolder.get(path)
  if (!shared) {
    shared = { users: 0, opened: openBroker(createNodeFileSystem(path), runtime, broker) }
    brokersByFolder.set(path, shared)
    closeAtExit()
  }
  shared.users++
  try {
    return lease(await shared.opened, () => letGo(path, shared))
  } catch (error) {
    if (brokersByFolder.get(path) === shared) brokersByFolder.delete(path)
    throw error
  }
}

async function openBroker(
  fileSystem: FileSystem,
  runtime: Runtime,
  config: BrokerConfigInput | undefined,
): Promise<EmbeddedBroker> {
  const { Broker } = await import('./broker/broker.ts')
  return Broker.open({ fileSystem, runtime, ...(config && { config }) })
}

/** One client's share of a broker: closing it closes the broker when it was the last. */
function lease(broker: EmbeddedBroker, release: () => Promise<void>): EmbeddedBroker {
  return {
    highestVersion: (api) => broker.highestVersion(api),
    handle: (api, request, context) => broker.handle(api, request, context),
    close: release,
  }
}

async function letGo(path: string, shared: SharedBroker): Promise<void> {
  if (--shared.users > 0) return
  if (brokersByFolder.get(path) === shared) brokersByFolder.delete(path)
  await (await shared.opened).close()
}

let closesAtExit = false

/** A process that ends without closing its clients still leaves a clean folder, which opens faster. */
function closeAtExit(): void {
  if (closesAtExit) return
  closesAtExit = true
  process.once('beforeExit', () => {
    for (const { opened } of brokersByFolder.values()) {
      opened.then(
        (broker) => broker.close(),
        () => undefined,
      )
    }
    brokersByFolder.clear()
  })
}

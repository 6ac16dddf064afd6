/**
 * Brokers in this process. One on a folder is shared by all clients of the process, for a folder has one broker: the one
 * piece of state at module level, here on purpose. Their code is loaded when one is opened.
 */
import type { Backend } from '../backend/backend.ts'
import type { BrokerConfigInput } from '../broker/config.ts'
import type { Runtime } from '../core/runtime.ts'
import type { FileSystem } from '../storage/file-system.ts'

interface SharedBroker {
  users: number
  readonly opened: Promise<Backend>
}

/** By the folder's real path. */
const brokers = new Map<string, SharedBroker>()

/** A broker of the caller's own, whose data is gone when it is closed. */
export async function openInMemory(
  runtime: Runtime,
  config: BrokerConfigInput | undefined,
): Promise<Backend> {
  const { createMemoryFileSystem } = await import('../storage/memory-file-system.ts')
  return openBroker(createMemoryFileSystem(), runtime, config)
}

/** A share of the broker on this folder; the last one to close it closes the broker. The first one decides on its settings. */
export async function openOnFolder(
  folder: string,
  runtime: Runtime,
  config: BrokerConfigInput | undefined,
): Promise<Backend> {
  const [{ realFolder }, { createNodeFileSystem }] = await Promise.all([
    import('../storage/real-folder.ts'),
    import('../storage/node-file-system.ts'),
  ])
  const path = realFolder(folder)
  let shared = brokers.get(path)
  if (!shared) {
    shared = { users: 0, opened: openBroker(createNodeFileSystem(path), runtime, config) }
    brokers.set(path, shared)
    closeAtExit()
  }
  shared.users++
  try {
    return lease(await shared.opened, () => release(path, shared))
  } catch (error) {
    if (brokers.get(path) === shared) brokers.delete(path)
    throw error
  }
}

async function openBroker(
  fileSystem: FileSystem,
  runtime: Runtime,
  config: BrokerConfigInput | undefined,
): Promise<Backend> {
  const { Broker } = await import('../broker/broker.ts')
  return Broker.open({ fileSystem, runtime, ...(config && { config }) })
}

/** One client's share of a broker. */
function lease(broker: Backend, release: () => Promise<void>): Backend {
  return {
    apis: broker.apis,
    servedApi: (key) => broker.servedApi(key),
    handle: (api, request, context) => broker.handle(api, request, context),
    ...(broker.backup && { backup: (request) => broker.backup!(request) }),
    close: release,
  }
}

async function release(path: string, shared: SharedBroker): Promise<void> {
  if (--shared.users > 0) return
  if (brokers.get(path) === shared) brokers.delete(path)
  await (await shared.opened).close()
}

let closesAtExit = false

/** A process that ends without closing its clients still leaves a clean folder, which opens faster. */
function closeAtExit(): void {
  if (closesAtExit) return
  closesAtExit = true
  process.once('beforeExit', () => {
    for (const { opened } of brokers.values()) {
      opened.then(
        (broker) => broker.close(),
        () => undefined,
      )
    }
    brokers.clear()
  })
}

/** Access control of a server: made before what it guards, opened over it, closed before it. */
import type { AccessGuard } from '../access/access-guard.ts'
import type { Backend } from '../backend/backend.ts'
import type { Connection } from '../connection/connection.ts'
import { EmbeddedConnection, embeddedSession } from '../connection/embedded.ts'
import type { Runtime } from '../core/runtime.ts'
import { writePrivateFile } from '../storage/private-file.ts'
import type { ResolvedAccess } from './access-config.ts'

/** In the data folder: the first API key of a server whose access control was just turned on. */
export const firstKeyFile = 'admin-key'

/** Undefined: everybody may do everything. Rejects with `ConfigError`. */
export async function createGuard(
  config: ResolvedAccess,
  runtime: Runtime,
): Promise<AccessGuard | undefined> {
  if (config.access === 'none') return undefined
  const { AccessGuard } = await import('../access/access-guard.ts')
  return new AccessGuard({
    runtime,
    superUsers: config.superUsers,
    gateways: config.gateways,
    allowAnonymous: config.allowAnonymous,
    oauthIssuers: config.oauth ?? [],
    reauthenticateMs: config.connectionsMaxReauth,
  })
}

/** What the guard knows is kept in a topic of what it guards. */
export function openGuard(guard: AccessGuard, backend: Backend, runtime: Runtime): Promise<void> {
  return guard.open(connectionOfServer(backend, runtime))
}

/** The server's own requests, past the guard. Closing it leaves the backend open. */
export function connectionOfServer(backend: Backend, runtime: Runtime): Connection {
  const lease: Backend = {
    apis: backend.apis,
    servedApi: (key) => backend.servedApi(key),
    handle: (api, request, context) => backend.handle(api, request, context),
    close: () => Promise.resolve(),
  }
  const session = embeddedSession('system')
  return new EmbeddedConnection('embedded', 'kafka-do', runtime, async () => lease, session)
}

/** A key for everything, where there is none at all. */
export interface FirstKey {
  readonly key: string
  /** The file that it is in; its owner alone may read it. Undefined: there is no folder. */
  readonly path: string | undefined
}

/**
 * The file comes first: a server that dies in between makes another key at the next start. `folder`: undefined for data
 * that is in memory. Rejects with `StorageError`.
 */
export async function makeFirstKey(
  guard: AccessGuard,
  folder: string | undefined,
  { logger }: Runtime,
): Promise<FirstKey | undefined> {
  if (guard.state.keys.size > 0) return undefined
  let path: string | undefined
  const keep = (text: string) => {
    if (folder !== undefined) path = writePrivateFile(folder, firstKeyFile, `${text}\n`)
  }
  const { id, key } = await guard.keys.createFirst(keep)
  logger.info({ id, path }, 'the first API key was created; it has all rights')
  return { key, path }
}

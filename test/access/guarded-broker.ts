/** A broker with access control, and callers that ask it with a key or as a principal. */

import { AccessGuard, type AccessGuardOptions } from '../../src/access/access-guard.ts'
import type { CreateKeyOptions } from '../../src/backend/guard.ts'
import type { Identity, Session } from '../../src/backend/session.ts'
import { Broker } from '../../src/broker/broker.ts'
import { EmbeddedConnection, embeddedSession } from '../../src/connection/embedded.ts'
import { createRuntime, type Runtime } from '../../src/core/runtime.ts'
import type { Api } from '../../src/protocol/api.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { testSession } from '../broker/test-session.ts'

export type Ask = <Q, R>(api: Api<Q, R>, request: Q, version?: number) => Promise<R>

export interface GuardedBroker {
  readonly guard: AccessGuard
  readonly broker: Broker
  readonly fileSystem: FileSystem
  /** As whoever the session is of, by way of the wire format. */
  as(session: Session): Ask
  /** A new key and its session. */
  keyFor(...scopes: string[]): Promise<{ id: string; key: string; session: Session; ask: Ask }>
  sessionOf(key: string): Promise<Session>
  close(): Promise<void>
}

export interface GuardedOptions extends Partial<AccessGuardOptions> {
  readonly runtime?: Runtime
  readonly fileSystem?: FileSystem
}

export const origin = { clientAddress: '10.0.0.1', isTls: true, listener: 'test' }

export function sessionWith(identity: Identity): Session {
  return testSession({ ...identity, clientAddress: origin.clientAddress, isTls: true })
}

/** Of a principal by name, such as a SCRAM user. */
export function userSession(name: string): Session {
  return sessionWith({ principal: { type: 'User', name }, authentication: 'sasl' })
}

export async function openGuarded(options: GuardedOptions = {}): Promise<GuardedBroker> {
  const { runtime = createRuntime(), fileSystem = createMemoryFileSystem(), ...rest } = options
  const guard = new AccessGuard({ runtime, ...rest })
  const broker = await Broker.open({ fileSystem, runtime, guard })
  await guard.open(connectionTo(broker, runtime))
  const sessionOf = async (key: string) => sessionWith(await guard.authenticate(key, origin))
  const as =
    (session: Session): Ask =>
    async (api, request, version = broker.servedApi(api.key)!.accepted.maxVersion) => {
      const writer = new ByteWriter()
      api.encodeRequest(writer, request, version)
      const received = api.decodeRequest(new ByteReader(writer.finish()), version)
      const context = { version, clientId: 'test', session, requestId: 7 }
      const { response } = await broker.handle(api, received, context)
      const answer = new ByteWriter()
      api.encodeResponse(answer, response, version)
      return api.decodeResponse(new ByteReader(answer.finish()), version)
    }
  return {
    ...{ guard, broker, fileSystem, as, sessionOf },
    async keyFor(...scopes) {
      const options: CreateKeyOptions = { name: 'test', scopes }
      const { id, key } = await guard.keys.create(options)
      const session = await sessionOf(key)
      return { id, key, session, ask: as(session) }
    },
    async close() {
      await guard.close()
      await broker.close()
    },
  }
}

/** Its end leaves the broker open. */
export function connectionTo(broker: Broker, runtime: Runtime): EmbeddedConnection {
  const lease = {
    apis: broker.apis,
    servedApi: (key: number) => broker.servedApi(key),
    handle: broker.handle.bind(broker),
    close: () => Promise.resolve(),
  }
  const session = embeddedSession('system')
  return new EmbeddedConnection('test', 'guard', runtime, async () => lease, session)
}

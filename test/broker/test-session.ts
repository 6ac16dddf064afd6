/** A session and a request context as a door would make them. */
import type { RequestContext } from '../../src/backend/request-context.ts'
import { Session, type SessionOptions } from '../../src/backend/session.ts'

export function testSession(options: Partial<SessionOptions> = {}): Session {
  return new Session({
    id: 'test-1',
    principal: { type: 'User', name: 'test' },
    authentication: 'none',
    listener: 'test',
    isTls: false,
    clientAddress: 'localhost',
    advertised: { host: 'test', port: 9092 },
    ...options,
  })
}

export function testContext(version: number, clientId: string | null = 'test'): RequestContext {
  return { version, clientId, session: testSession() }
}

/** What the routes share. */
import type { Access } from '../backend/access.ts'
import type { Session } from '../backend/session.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Callers } from './callers.ts'
import type { ResolvedHttpConfig } from './http-config.ts'
import type { StreamSlots } from './stream-slots.ts'

export interface Services {
  readonly runtime: Runtime
  readonly config: ResolvedHttpConfig
  readonly callers: Callers
  readonly streams: StreamSlots
  /** Rejects with `UnauthorizedError` unless the caller may do all of this. */
  readonly demand: (session: Session, ...accesses: readonly Access[]) => Promise<void>
  /** Whether the caller may do this. */
  readonly may: (session: Session, access: Access) => Promise<boolean>
  /** Counts a write against the caller's quotas, where it is done in the caller's place. */
  readonly charge: (session: Session, topic: string, written: Uint8Array) => Promise<void>
  /** Aborted when the API closes. */
  readonly closed: AbortSignal
}

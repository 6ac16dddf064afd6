/** What goes with a request besides its content: its version, who asks, and whether they still do. */
import type { AnswerMemory } from './answer-memory.ts'
import type { Session } from './session.ts'

export interface RequestContext {
  /** The version of the API that request and response are in. */
  readonly version: number
  /** As the request's own header has it. */
  readonly clientId: string | null
  readonly session: Session
  /**
   * Requests of one lane may wait for each other where another cluster answers; those of different lanes do not. Default:
   * one for each session, let go of when `signal` aborts.
   */
  readonly lane?: string
  /** Names the request in the audit log: its correlation id, or what the listener calls it. */
  readonly requestId?: string | number | undefined
  /** Aborted when the caller is gone: long polls are dropped. */
  readonly signal?: AbortSignal
  /** Asked before records are read for the answer; undefined: as much as the request wants. */
  readonly answerMemory?: AnswerMemory
}

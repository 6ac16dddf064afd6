/**
 * What a command has of the process: its streams, its environment, time, and the signal that ends it. Tests give their own,
 * so a command runs inside of them.
 */
import type { Readable, Writable } from 'node:stream'
import type { Runtime } from '../../core/runtime.ts'

export interface Terminal {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
}

export interface Environment {
  readonly [name: string]: string | undefined
}

export interface Io {
  readonly stdin: Readable & Terminal
  /** Data, and nothing else. */
  readonly stdout: Writable & Terminal
  /** What is said beside the data: notes, progress, errors. */
  readonly stderr: Writable & Terminal
  readonly environment: Environment
  readonly runtime: Runtime
  /** Aborted with an `Interruption`. */
  readonly signal: AbortSignal
}

/** Why a command is to end: somebody wants it so. */
export class Interruption extends Error {
  override readonly name = 'Interruption'
  readonly signalName: 'SIGINT' | 'SIGTERM'

  constructor(signalName: 'SIGINT' | 'SIGTERM') {
    super(`ended by ${signalName}`)
    this.signalName = signalName
  }
}

/** Whoever read the output has gone (`kafka-do … | head`): there is nobody left to write for. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

/** The option for a clock and its timers, which tests give. Each of client and server has a default of its own. */
import { type Option, shaped } from './options.ts'
import type { Runtime } from './runtime.ts'

export const runtimeOption: Option<Runtime | undefined> = shaped(undefined, 'a Runtime', isRuntime)

function isRuntime(value: unknown): value is Runtime {
  return (
    typeof value === 'object' && value !== null && 'setTimer' in value && 'monotonicNow' in value
  )
}

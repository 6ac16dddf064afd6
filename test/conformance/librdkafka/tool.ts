/**
 * A foreign client that may or may not be had on a machine. Where it is missing, a suite's name says why and its tests
 * are skipped; in CI that is a failure.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe } from 'vitest'
import { describeClient } from '../describe-client.ts'

export type Tool<Program> =
  | { readonly program: Program; readonly version: string; readonly missing?: undefined }
  | { readonly missing: string }

/** Why a tool cannot be had on this machine. */
export class MissingToolError extends Error {}

/** What `find` gives; where that rejects with `MissingToolError`, the reason. */
export async function findTool<Program>(
  find: () => Promise<{ program: Program; version: string }>,
): Promise<Tool<Program>> {
  try {
    return await find()
  } catch (error) {
    if (process.env.CI === 'true' || !(error instanceof MissingToolError)) throw error
    return { missing: error.message }
  }
}

/** `body` gets at the program in its tests. */
export function describeTool<Program>(
  tool: Tool<Program>,
  name: `${string}: ${string}`,
  body: (program: () => Program) => void,
): void {
  if (tool.missing === undefined) {
    describeClient(name, () => body(() => tool.program), tool.version)
  } else {
    const { missing } = tool
    const unavailable = () => {
      throw new Error(missing)
    }
    describe.skip(`${name} (skipped: ${missing})`, () => body(unavailable))
  }
}

/** Runs a program to its end; gives what it printed. Rejects with `MissingToolError` when it fails. */
export async function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      ...options,
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string }
    if (code === 'ENOENT') throw new MissingToolError(`lacks ${program}`, { cause: error })
    const last = stderr.trim().split('\n').at(-1)
    throw new MissingToolError(`${program} ${args[0]} failed: ${last}`, { cause: error })
  }
}

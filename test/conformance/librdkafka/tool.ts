/**
 * A foreign client that may or may not be had on a machine. Where it is missing, a suite's name says why and its tests
 * are skipped; in CI that is a failure.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe } from 'vitest'
import { type DownloadOptions, download } from '../../../scripts/download.js'
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
    throw missingTool(program, args, error, (error as { stderr?: string }).stderr)
  }
}

/** As `run`, of a program that fetches over a network: in several attempts. */
export async function runDownload(
  program: string,
  args: readonly string[],
  options: DownloadOptions = {},
): Promise<string> {
  try {
    return await download(program, args, options)
  } catch (error) {
    throw missingTool(program, args, error, (error as Error).message)
  }
}

function missingTool(
  program: string,
  args: readonly string[],
  cause: unknown,
  said = '',
): MissingToolError {
  const isLacking = (cause as { code?: unknown }).code === 'ENOENT'
  const last = said.trim().split('\n').at(-1)?.trim()
  const reason = isLacking ? `lacks ${program}` : `${program} ${args[0]} failed: ${last}`
  return new MissingToolError(reason, { cause })
}

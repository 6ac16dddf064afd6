/** The package as npm would publish it, made of `dist/`, and installed into a folder of a user's. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A new temporary folder of an ES module project, with the package and `others` installed. The caller removes it. */
export function installPackage(others: readonly string[] = [], npmOptions: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-do-user-'))
  try {
    const filename = packInto(folder)
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
    const options = ['--no-audit', '--no-fund', '--prefer-offline', ...npmOptions]
    runIn(folder, 'npm', 'install', ...options, `./${filename}`, ...others)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return folder
}

/** The name of the archive. */
export function packInto(folder: string): string {
  const packed = runIn(root, 'npm', 'pack', '--json', '--pack-destination', folder)
  return (JSON.parse(packed) as [{ filename: string }])[0].filename
}

/** What the command printed; throws, with what it printed, when it fails. */
export function runIn(folder: string, command: string, ...args: string[]): string {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  try {
    return execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio, timeout: 300_000 })
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout ?? ''}${stderr ?? ''}`, {
      cause: error,
    })
  }
}

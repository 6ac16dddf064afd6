/** The package as npm would publish it, made of `dist/`, and installed into a folder of a user's. */
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmInstall } from '../../scripts/download.js'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface InstallOptions {
  readonly npmOptions?: readonly string[]
  /** Other packages that are installed with it. */
  readonly others?: readonly string[]
  /** How long one of three attempts may take. Default: 90. */
  readonly seconds?: number
  /**
   * Of what the package depends on: `pinned` are those of our own package-lock.json, which npm has in its cache, so that
   * no request is made; what is not depended on is not installed. `newest` is what a user gets today. Default: pinned.
   */
  readonly versions?: 'pinned' | 'newest'
}

/** Longer than `installPackage` takes with the usual `seconds`. */
export const installTimeoutMs = 300_000

/** A new temporary folder of an ES module project, with the package installed. The caller removes it. */
export async function installPackage({
  npmOptions = [],
  others = [],
  seconds = 90,
  versions = 'pinned',
}: InstallOptions = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-do-user-'))
  try {
    const filename = packInto(folder)
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
    const args = ['--prefer-offline', ...npmOptions, `./${filename}`, ...others]
    const lock = versions === 'pinned' ? pinnedVersions() : undefined
    await npmInstall(folder, args, { lock, seconds })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return folder
}

/**
 * As `installPackage`, without npm, for those who look at what is in `dist/`: what would be packed is copied, and what it
 * depends on is linked to our own; `hasOptional`: also what it would do without. The caller removes the folder.
 */
export function copyPackage({ hasOptional = true } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-do-user-'))
  const { files, dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as {
    readonly files: readonly string[]
    readonly dependencies: object
    readonly optionalDependencies: object
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  for (const file of ['package.json', ...files])
    cpSync(join(root, file), join(folder, 'node_modules/kafka-do', file), { recursive: true })
  for (const name of Object.keys({ ...dependencies, ...(hasOptional && optionalDependencies) }))
    linkPackage(folder, name)
  return folder
}

/** Links a package, or a scope, of our own `node_modules` into those of the folder. */
export function linkPackage(folder: string, name: string): void {
  const link = join(folder, 'node_modules', name)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(join(root, 'node_modules', name), link)
}

/** Our lock file for a project that has no dependencies yet; npm takes out what the project does not come to need. */
function pinnedVersions(): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: object
  }
  return JSON.stringify({ ...lock, packages: { ...lock.packages, '': {} } })
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

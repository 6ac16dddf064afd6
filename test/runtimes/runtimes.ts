/** The JavaScript runtimes that the package must work on, as npm ships them, kept in a cache folder. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { npmInstall } from '../../scripts/download.js'
import { cachedFolder } from '../conformance/librdkafka/cache-folder.ts'

export interface Runtime {
  readonly name: string
  /** The arguments before the program's file. */
  readonly args: readonly string[]
  /** Where its executable may be, inside `node_modules`. */
  readonly executables: readonly string[]
}

const { platform, arch } = process
const nodePackage = `node-${platform === 'win32' ? 'win' : platform}-${arch}`

/** Node 20.19 is the oldest that package.json promises. */
const versions = { node20: '20.19.0', node22: '22.23.3', node24: '24.21.0' }
const dependencies = {
  ...Object.fromEntries(
    Object.entries(versions).map(([name, version]) => [name, `npm:${nodePackage}@${version}`]),
  ),
  bun: '1.4.5',
  deno: '2.9.6',
}

export const runtimes: readonly Runtime[] = [
  ...Object.entries(versions).map(([folder, version]) => ({
    name: `Node ${version}`,
    args: [],
    executables: [`${folder}/bin/node`, `${folder}/bin/node.exe`],
  })),
  {
    name: `Bun ${dependencies.bun}`,
    args: [],
    executables: ['bun/bin/bun.exe'],
  },
  {
    name: `Deno ${dependencies.deno}`,
    // What docs/runtimes.md names, and nothing more.
    args: [
      'run',
      '--no-prompt',
      '--allow-env',
      '--allow-net=127.0.0.1',
      '--allow-read=.,/proc',
      '--allow-write=.',
      '--allow-sys=hostname',
    ],
    executables: ['deno/deno', 'deno/deno.exe'],
  },
]

/** The runtimes' `node_modules`; installed at the first time. */
export async function installRuntimes(): Promise<string> {
  const recipe = JSON.stringify({ private: true, dependencies })
  const folder = await cachedFolder('runtimes', recipe, async (folder) => {
    await writeFile(join(folder, 'package.json'), recipe)
    // Some 200 MB.
    await npmInstall(folder, [], { seconds: 150 })
  })
  return join(folder, 'node_modules')
}

export function executableOf(runtime: Runtime, nodeModules: string): string {
  const paths = runtime.executables.map((path) => join(nodeModules, path))
  const found = paths.find((path) => existsSync(path))
  if (!found) throw new Error(`${runtime.name} is not at ${paths.join(', nor ')}`)
  return found
}

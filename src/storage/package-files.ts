/** Files that the package brings with it, such as those of the console: read only, from beside the code. */
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface PackageFile {
  /** Below the folder, with slashes. */
  readonly path: string
  readonly bytes: Uint8Array
}

/** All files below a folder of the package. Empty where there is no such folder: the code was bundled into something else. */
export async function readPackageFolder(name: string): Promise<PackageFile[]> {
  const root = await packageRoot()
  if (root === undefined) return []
  const folder = join(root, name)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile())
  return Promise.all(
    files.map(async (entry) => {
      const full = join(entry.parentPath, entry.name)
      const path = full.slice(folder.length + 1).replaceAll('\\', '/')
      return { path, bytes: new Uint8Array(await readFile(full)) }
    }),
  )
}

/** The nearest folder above the code with this package's package.json; undefined: there is none. */
async function packageRoot(): Promise<string | undefined> {
  if (!import.meta.url.startsWith('file:')) return undefined
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined)
    if (text !== undefined && nameIn(text) === 'kafka-do') return folder
    const above = dirname(folder)
    if (above === folder) return undefined
    folder = above
  }
}

function nameIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { name?: unknown }).name
  } catch {
    return undefined
  }
}

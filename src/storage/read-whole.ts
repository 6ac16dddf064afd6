import type { FileSystem } from './file-system.ts'

/** A whole small file; undefined when it is not there. */
export function readWhole(fileSystem: FileSystem, path: string): Uint8Array | undefined {
  const found = fileSystem.stat(path)
  if (!found || found.isDirectory) return undefined
  const file = fileSystem.open(path)
  try {
    return file.readSync(0, file.size)
  } finally {
    file.close()
  }
}

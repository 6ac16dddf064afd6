/** One name for a folder, whichever way a path leads to it, also where the folder is not there yet. */
import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** Absolute, without symbolic links. */
export function realFolder(path: string): string {
  const absolute = resolve(path)
  try {
    return realpathSync(absolute)
  } catch {
    const parent = dirname(absolute)
    return parent === absolute ? absolute : join(realFolder(parent), basename(absolute))
  }
}

/** `.damaged/` in the data folder: where a repair puts what it takes away, so that nothing is ever destroyed by one. */
import type { FileSystem } from '../../storage/file-system.ts'

export const damagedFolder = '.damaged'

/** Moves a file there, under its own path and a number. Durable when it resolves. */
export async function setAside(fileSystem: FileSystem, path: string): Promise<void> {
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
  const targetFolder = folder === '' ? damagedFolder : `${damagedFolder}/${folder}`
  fileSystem.makeDirectory(targetFolder)
  let target = `${damagedFolder}/${path}`
  for (let number = 1; fileSystem.stat(target); number++)
    target = `${damagedFolder}/${path}.${number}`
  fileSystem.rename(path, target)
  for (const changed of new Set([targetFolder, damagedFolder, folder, '']))
    await fileSystem.syncDirectory(changed)
}

/**
 * Where foreign clients are kept between runs. A folder appears by rename, whole or not at all, so runs that fetch at
 * the same time do not disturb each other. It holds the recipe that it was made by: another recipe makes it anew.
 */
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cacheFolder = fileURLToPath(
  new URL('../../../node_modules/.cache/kafka-do/', import.meta.url),
)

/** The folder of that name; `make` fills it when it does not exist, or was made by another recipe. */
export async function cachedFolder(
  name: string,
  recipe: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheFolder, name)
  if (await isMade(folder, recipe)) return folder
  await mkdir(cacheFolder, { recursive: true })
  const part = await mkdtemp(`${folder}.part-`)
  try {
    await make(part)
    await writeFile(join(part, '.recipe'), recipe)
    if (!(await isMade(folder, recipe))) await rm(folder, { recursive: true, force: true })
    await rename(part, folder)
  } catch (error) {
    // Another run may have been faster.
    if (!(await isMade(folder, recipe))) throw error
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return folder
}

async function isMade(folder: string, recipe: string): Promise<boolean> {
  try {
    return (await readFile(join(folder, '.recipe'), 'utf8')) === recipe
  } catch {
    return false
  }
}

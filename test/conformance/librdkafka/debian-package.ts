/** A program of Debian with the libraries that it needs, unpacked into the cache folder, which needs no rights. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { aptPatience } from '../../../scripts/download.js'
import { cachedFolder } from './cache-folder.ts'
import { MissingToolError, run, runDownload } from './tool.ts'

/** Every system has these, in versions that fit its loader. */
const systemPackages = /^(libc6|libgcc-s1|gcc-\d+-base|libstdc\+\+6|zlib1g)$/

const onlyDepends = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'].map(
  (relation) => `--no-${relation}`,
)

export interface UnpackedPackage {
  readonly folder: string
  /** The environment in which its programs find their libraries. */
  readonly env: NodeJS.ProcessEnv
}

/** Rejects with `MissingToolError` where there is no apt, or it does not know the package. */
export async function unpackedDebianPackage(name: string): Promise<UnpackedPackage> {
  const recipe = 'apt-get download, dpkg-deb -x; 1'
  const folder = await cachedFolder(name, recipe, (into) => fetchPackage(name, into))
  const libraries = await libraryFolders(folder)
  return { folder, env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') } }
}

async function fetchPackage(name: string, folder: string): Promise<void> {
  const listed = await run('apt-cache', ['depends', '--recurse', ...onlyDepends, name])
  const packages = listed.split('\n').filter((line) => /^[\w.+-]+$/.test(line))
  const needed = packages.filter((found) => !systemPackages.test(found))
  if (needed.length === 0)
    throw new MissingToolError(`apt knows no package ${name}; apt-get update may help`)
  const debs = join(folder, 'debs')
  const prepare = async () => {
    await rm(debs, { recursive: true, force: true })
    await mkdir(debs)
  }
  await runDownload('apt-get', [...aptPatience, 'download', ...needed], {
    cwd: debs,
    prepare,
    seconds: 240,
  })
  for (const deb of await readdir(debs)) await run('dpkg-deb', ['-x', join(debs, deb), folder])
  await rm(debs, { recursive: true })
}

async function libraryFolders(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const base of ['usr/lib', 'lib']) {
    const inside = join(folder, base)
    const names = await readdir(inside).catch(() => [])
    const ofMachine = names.filter((name) => name.includes('-linux-'))
    // What PulseAudio's libraries share has a folder of its own.
    for (const name of ofMachine) found.push(join(inside, name), join(inside, name, 'pulseaudio'))
    found.push(inside)
  }
  return found
}

/**
 * Every kind of file × every kind of damage × after an orderly close and after a kill. Nothing that had been stored may come
 * back wrong, or be missing without a word: see trial.ts. A failure of the random ones names its seed: `DAMAGE_SEED=n`
 * repeats it.
 */
import { describe, expect, test } from 'vitest'
import { examine } from '../../src/broker/doctor/examination.ts'
import { renewCrc } from '../../src/protocol/records/record-batch.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { amount, isLong, seedOfTheDay } from '../amount.ts'
import { contentOf, headersIn, overwrite } from '../log/log-fixture.ts'
import { SeededRandom } from '../simulation/random.ts'
import { type Damage, damagesOf, randomDamage } from './damages.ts'
import { copyOf, type DataFolder, dataFolder, topic } from './data-folder.ts'
import { repairedTrial, trial } from './trial.ts'

async function faultsOf(folder: DataFolder, damages: readonly Damage[]): Promise<string[]> {
  const faults: string[] = []
  for (const damage of damages) {
    for (const fault of await trial(folder, damage)) faults.push(`${damage.name}: ${fault}`)
  }
  return faults
}

/** At length: all of them. */
function someOf<T>(all: readonly T[], nth: number): readonly T[] {
  return all.filter((_, i) => isLong || i % nth === 0)
}

describe.each(['closed', 'killed'] as const)('a data folder that was %s', (stop) => {
  test('is right when nothing was done to it', async () => {
    expect(await trial(await dataFolder(stop), undefined)).toEqual([])
  })

  test('never comes back wrong, and never loses anything in silence', async () => {
    const folder = await dataFolder(stop)
    const damages = damagesOf(folder.files)
    expect(damages.length).toBeGreaterThan(200)
    expect(await faultsOf(folder, someOf(damages, 3))).toEqual([])
  })

  test('is as sound as it can be after a repair, which says what is lost', async () => {
    const folder = await dataFolder(stop)
    expect(await examine(copyOf(folder.files))).toEqual([])
    const faults: string[] = []
    const damages = someOf(damagesOf(folder.files), 8)
    for (const damage of damages) {
      for (const fault of await repairedTrial(folder, damage))
        faults.push(`${damage.name}: ${fault}`)
    }
    expect(faults).toEqual([])
  })

  test('nor does it when the damage is anywhere', async () => {
    const folder = await dataFolder(stop)
    const seed = amount(1, seedOfTheDay, 'DAMAGE_SEED')
    const random = new SeededRandom(seed)
    const damages = Array.from({ length: amount(15, 5000) }, () =>
      randomDamage(folder.files, random),
    )
    expect(await faultsOf(folder, damages), `DAMAGE_SEED=${seed}`).toEqual([])
  })
})

/** What nobody could notice, for the checksums agree: the trials must. */
describe('a trial reports', () => {
  const path = `${topic}-0/${'0'.repeat(20)}.log`

  async function faultsAfter(apply: (files: FileSystem) => void): Promise<string> {
    const folder = await dataFolder('closed')
    return (await trial(folder, { name: 'undetectable', path, apply })).join()
  }

  test('a record that comes back wrong', async () => {
    const faults = await faultsAfter((files) => {
      const content = contentOf(files, path)
      const batch = headersIn(content)[2]!
      content[batch.position + batch.sizeInBytes - 3]! ^= 1
      renewCrc(content, batch.position)
      overwrite(files, path, content)
    })
    expect(faults).toContain(' at 2')
  })

  test('records that are gone in silence', async () => {
    const faults = await faultsAfter((files) => {
      for (const name of files.list('')) {
        if (name.startsWith('__consumer_offsets')) files.remove(name)
        if (name.startsWith('recovery-point')) overwrite(files, name, new Uint8Array(0))
      }
    })
    expect(faults).toContain('the group is at -1, and whoever asks is not told')
  })

  test('aborted records that readers of committed ones are given', async () => {
    const faults = await faultsAfter((files) => {
      for (const name of files.list(`${topic}-0`))
        if (name.includes('txnindex')) files.remove(`${topic}-0/${name}`)
    })
    expect(faults).toContain('was aborted')
  })
})

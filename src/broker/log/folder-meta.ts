/**
 * `meta.properties` of a data folder: the version of its format and the id of its cluster.
 *
 *   version=1
 *   cluster.id=…
 *   crc32c=…      of the lines before it; those of earlier versions have none
 */
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import { CorruptDataError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { crc32c } from '../../protocol/records/crc32c.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
import { replaceFile } from './checkpoint-file.ts'

export const formatVersion = 1
const path = 'meta.properties'

/** The cluster id; undefined when there is no such file. Throws `CorruptDataError`: CORRUPT_MESSAGE, UNSUPPORTED_DATA_FORMAT. */
export function readMeta(fileSystem: FileSystem): string | undefined {
  const content = readWhole(fileSystem, path)
  if (!content) return undefined
  const text = decodeUtf8(content)
  const version = /^version=(\d+)$/m.exec(text)?.[1]
  const clusterId = /^cluster\.id=(\S+)$/m.exec(text)?.[1]
  const [, summed, crc] = /^(.*\n)crc32c=(\d+)\n$/s.exec(text) ?? []
  const isSound =
    crc === undefined
      ? /^version=\d+\ncluster\.id=\S+\n$/.test(text)
      : crc32c(encodeUtf8(summed!)) === Number(crc)
  if (isSound && version === String(formatVersion) && clusterId) return clusterId
  const { description } = fileSystem
  if (isSound && version !== undefined) {
    throw new CorruptDataError(
      `The data folder ${description} has meta.properties of version ${version}; this kafka-do reads version ${formatVersion}. Use the kafka-do that wrote it, or another folder`,
      { code: 'UNSUPPORTED_DATA_FORMAT' },
    )
  }
  throw new CorruptDataError(
    `meta.properties of the data folder ${description} is damaged. Restore it from a backup, or let 'kafka-do doctor ${description} --repair' set it aside: the cluster then gets a new id`,
    { code: 'CORRUPT_MESSAGE' },
  )
}

/** As `readMeta`; a folder without the file gets one, durably. */
export async function readOrCreateMeta(fileSystem: FileSystem, runtime: Runtime): Promise<string> {
  const known = readMeta(fileSystem)
  if (known !== undefined) return known
  if (fileSystem.list('').some((name) => /-\d+$/.test(name))) {
    runtime.logger.warn(
      { folder: fileSystem.description },
      'meta.properties was missing from a folder with partitions; the cluster gets a new id',
    )
  }
  const clusterId = runtime.uuid()
  const text = `version=${formatVersion}\ncluster.id=${clusterId}\n`
  const content = encodeUtf8(`${text}crc32c=${crc32c(encodeUtf8(text))}\n`)
  await replaceFile(fileSystem, path, content)
  return clusterId
}

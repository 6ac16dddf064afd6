/**
 * `manifest.json`: all that a backup holds, so that nothing can be missing, changed or added without being seen. The file
 * itself begins with its own checksum: the SHA-256 of its text with zeros in that place.
 */
import { createHash } from 'node:crypto'
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'

export const manifestPath = 'manifest.json'
export const backupFormat = 1
/** Of a manifest, bytes: some hundred thousand files. */
export const manifestBytesMax = 256 * 1024 * 1024

export interface ManifestFile {
  /** As in the data folder. */
  readonly path: string
  /** Bytes. */
  readonly size: number
  /** SHA-256, hexadecimal. */
  readonly sha256: string
  /** When the file was written in the data folder, milliseconds since the epoch; 0: made for the backup, or not known. */
  readonly modified: number
  /** Of a log file: the offset after its last sound batch, as text. */
  readonly end?: string | undefined
  /** Of a log file: what is wrong with it, and was in the data folder already. */
  readonly damage?: string | undefined
}

export interface ManifestPartition {
  /** `TOPIC-PARTITION` */
  readonly folder: string
  /** The first offset and the one after the last, as text. */
  readonly start: string
  readonly end: string
}

export interface Manifest {
  readonly format: number
  /** Of this backup. */
  readonly id: string
  /** The version that made it. */
  readonly kafkaDo: string
  readonly clusterId: string
  /** The time of the snapshot, ISO 8601. */
  readonly takenAt: string
  readonly partitions: readonly ManifestPartition[]
  readonly files: readonly ManifestFile[]
  /** Of the backup before: what is there no more. Where it still lies in the folder it is to be removed. */
  readonly removed: readonly string[]
  /** What is wrong with the data folder, for people. */
  readonly warnings: readonly string[]
}

const noSum = '0'.repeat(64)
const sumShape = /^\{"sha256":"([0-9a-f]{64})",/

/** One file and one partition a line, so that it can be read and compared. */
export function encodeManifest({ partitions, files, ...rest }: Manifest): Uint8Array {
  const lines = (list: readonly object[]) => list.map((one) => JSON.stringify(one)).join(',\n')
  const head = JSON.stringify({ sha256: noSum, ...rest }).slice(0, -1)
  const text = `${head},\n"partitions":[\n${lines(partitions)}\n],\n"files":[\n${lines(files)}\n]}\n`
  return encodeUtf8(text.replace(noSum, sha256(encodeUtf8(text))))
}

/** Throws `CorruptDataError`: CORRUPT_MESSAGE, UNSUPPORTED_DATA_FORMAT for one of a newer format. */
export function decodeManifest(bytes: Uint8Array, where: string): Manifest {
  const text = decodeUtf8(bytes)
  const read = parse(text)
  if (typeof read?.format === 'number' && read.format > backupFormat) throw newer(where, read)
  const [, sum] = sumShape.exec(text) ?? []
  if (!read || !sum || sha256(encodeUtf8(text.replace(sum, noSum))) !== sum)
    throw new CorruptDataError(
      `${manifestPath} of the backup ${where} is damaged: its checksum does not match. Use another backup`,
      { code: 'CORRUPT_MESSAGE' },
    )
  delete read.sha256
  return read as Manifest
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function parse(text: string): (Partial<Manifest> & { sha256?: string }) | undefined {
  try {
    return JSON.parse(text) as Partial<Manifest>
  } catch {
    return undefined
  }
}

export function newer(
  where: string,
  { format, kafkaDo }: Pick<Partial<Manifest>, 'format' | 'kafkaDo'>,
): CorruptDataError {
  return new CorruptDataError(
    `The backup ${where} has format ${format}, made by kafka-do ${kafkaDo}; this kafka-do reads formats up to ${backupFormat}. Use that version, or a newer one`,
    { code: 'UNSUPPORTED_DATA_FORMAT' },
  )
}

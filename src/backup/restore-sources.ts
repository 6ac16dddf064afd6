/** Where a restore takes a backup from: a folder, or a tar archive as it comes. */
import { ConfigError } from '../core/errors.ts'
import type { File, FileSystem } from '../storage/file-system.ts'
import { filesIn } from './backup-folder.ts'
import { markPath } from './backup-paths.ts'
import { manifestPath } from './manifest.ts'
import { TarReader } from './tar-reader.ts'

export interface RestoreEntry {
  /** As in the backup: with the id of its backup where it waits for its name. */
  readonly path: string
  readonly size: number
  chunks(): AsyncIterable<Uint8Array>
}

const pieceBytes = 256 * 1024

/** Throws `StorageError`. */
export async function* entriesOfFolder(
  fileSystem: FileSystem,
): AsyncGenerator<RestoreEntry, void, undefined> {
  const paths = filesIn(fileSystem)
  for (const path of [manifestPath, markPath]) if (fileSystem.stat(path)) paths.unshift(path)
  for (const path of paths) {
    const found = fileSystem.stat(path)
    if (!found) continue
    const { size } = found
    yield { path, size, chunks: () => piecesOf(fileSystem.open(path), size) }
  }
}

async function* piecesOf(file: File, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let at = 0; at < size; ) {
      const piece = await file.read(at, Math.min(pieceBytes, size - at))
      if (piece.length === 0) return
      at += piece.length
      yield piece
    }
  } finally {
    file.close()
  }
}

/** Throws `ConfigError` for what is compressed, `CorruptDataError` for what is damaged. */
export async function* entriesOfTar(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<RestoreEntry, void, undefined> {
  const reader = new TarReader(uncompressed(stream))
  try {
    for (let entry = await reader.next(); entry; entry = await reader.next()) {
      // `tar -c .` begins each name so.
      const path = entry.path.replace(/^(?:\.\/)+/, '')
      if (entry.kind === 'folder') continue
      const { size, chunks } = entry
      yield { path: entry.kind === 'file' ? path : `${path} (no file)`, size, chunks }
    }
  } finally {
    await reader.close()
  }
}

async function* uncompressed(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let isFirst = true
  for await (const chunk of stream) {
    if (isFirst && chunk.length > 0) {
      isFirst = false
      const how = compressionOf(chunk)
      if (how)
        throw new ConfigError(
          `The backup is compressed. Restore it from a pipe: ${how} FILE | kafka-do restore - --to FOLDER`,
          { code: 'INVALID_CONFIG' },
        )
    }
    yield chunk
  }
}

function compressionOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gunzip -c'
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f) return 'zstd -dc'
  if (bytes[0] === 0xfd && bytes[1] === 0x37 && bytes[2] === 0x7a) return 'xz -dc'
  return undefined
}

/** Compaction. */
import type { FileSystem } from '../../storage/file-system.ts'

export function finishSwaps(_fileSystem: FileSystem, _folder: string): void {}

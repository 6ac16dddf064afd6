/**
 * The compressions of Kafka's record batches. A codec is loaded once, asynchronously, when it is first needed; then it
 * is synchronous. Which library does which, and why: docs/decisions/0003-compression-libraries.md.
 */
import { CorruptDataError, KafkaError } from '../../core/errors.ts'
import { damaged, tooLarge } from './damaged-data.ts'

export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** By the number that a batch's attributes carry. */
export const compressionNames: readonly CompressionName[] = [
  'none',
  'gzip',
  'snappy',
  'lz4',
  'zstd',
]

export const compressionIds: { readonly [name in CompressionName]: number } = {
  none: 0,
  gzip: 1,
  snappy: 2,
  lz4: 3,
  zstd: 4,
}

export interface Codec {
  readonly name: CompressionName
  /** May return a view of a larger array. */
  compress(bytes: Uint8Array): Uint8Array
  /** Throws `CorruptDataError` for bad input, and when the output would pass `bytesMax`. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array
}

const loads = new Map<CompressionName, Promise<Codec>>()
const loaded = new Map<CompressionName, Codec>()

/**
 * Loads a codec. Throws `KafkaError` (`UNSUPPORTED_COMPRESSION_TYPE`), naming the package to install, when this runtime
 * has nothing for it.
 */
export function loadCodec(name: CompressionName): Promise<Codec> {
  let load = loads.get(name)
  if (!load) {
    load = importCodec(name).then(
      (codec) => {
        const guarded = guard(codec)
        loaded.set(name, guarded)
        return guarded
      },
      (cause: unknown) => {
        loads.delete(name)
        throw missing(name, cause)
      },
    )
    loads.set(name, load)
  }
  return load
}

/** The codec when it has been loaded. */
export function loadedCodec(name: CompressionName): Codec | undefined {
  return loaded.get(name)
}

async function importCodec(name: CompressionName): Promise<Codec> {
  switch (name) {
    case 'none':
      return { name, compress: (bytes) => bytes, decompress: (bytes) => bytes }
    case 'gzip':
      return (await import('./gzip.ts')).loadGzip()
    case 'snappy':
      return (await import('./snappy.ts')).snappyCodec
    case 'lz4':
      return (await import('./lz4.ts')).lz4Codec
    case 'zstd':
      return (await import('./zstd.ts')).loadZstd()
  }
}

/** Whatever a library throws about bad input becomes the one error type of bad bytes. */
export function guard(codec: Codec): Codec {
  const { name } = codec
  return {
    name,
    compress: codec.compress,
    decompress(bytes, bytesMax) {
      let output: Uint8Array
      try {
        output = codec.decompress(bytes, bytesMax)
      } catch (cause) {
        if (cause instanceof CorruptDataError) throw cause
        throw damaged(name, cause instanceof Error ? cause.message : String(cause), cause)
      }
      if (output.length > bytesMax) throw tooLarge(name, bytesMax)
      return output
    },
  }
}

const packages: { readonly [name in CompressionName]?: string } = {
  gzip: 'fflate',
  zstd: '@bokuweb/zstd-wasm',
}

function missing(name: CompressionName, cause: unknown): KafkaError {
  const reason = cause instanceof Error ? ` (${cause.message})` : ''
  const advice = packages[name] ? `; install it with: npm install ${packages[name]}` : ''
  return new KafkaError(`${name} compression is not available in this runtime${reason}${advice}`, {
    code: 'UNSUPPORTED_COMPRESSION_TYPE',
    cause,
  })
}

/**
 * The compressions of Kafka's record batches. A codec is loaded once, asynchronously, when it is first needed: the
 * fastest that this runtime has. Then it is synchronous. See docs/decisions/0003-compression-libraries.md.
 */
import { CorruptDataError, KafkaError } from '../../core/errors.ts'

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
  compress(bytes: Uint8Array): Uint8Array
  /** Throws `CorruptDataError` for bad input, and when the output would pass `bytesMax`. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array
}

const loads = new Map<CompressionName, Promise<Codec>>()
const loaded = new Map<CompressionName, Codec>()

/** Loads a codec. Throws `KafkaError` (`UNSUPPORTED_COMPRESSION_TYPE`), naming the package to install. */
export function loadCodec(name: CompressionName): Promise<Codec> {
  let load = loads.get(name)
  if (!load) {
    load = importCodec(name).then(
      (codec) => {
        const guarded = { ...codec, decompress: guard(codec) }
        loaded.set(name, guarded)
        return guarded
      },
      (cause: unknown) => {
        loads.delete(name)
        throw cause instanceof KafkaError ? cause : missing(name, cause)
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
      return (await import('./snappy.ts')).loadSnappy()
    case 'lz4':
      return (await import('./lz4.ts')).loadLz4()
    case 'zstd':
      return (await import('./zstd.ts')).loadZstd()
  }
}

/** Whatever a library throws about bad input becomes the one error type of bad bytes. */
function guard(codec: Codec): Codec['decompress'] {
  return (bytes, bytesMax) => {
    let output: Uint8Array
    try {
      output = codec.decompress(bytes, bytesMax)
    } catch (cause) {
      if (cause instanceof CorruptDataError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new CorruptDataError(`${codec.name} data cannot be decompressed: ${reason}`, {
        code: 'CORRUPT_MESSAGE',
        cause,
      })
    }
    if (output.length > bytesMax) throw tooLarge(codec.name, bytesMax)
    return output
  }
}

export function tooLarge(name: CompressionName, bytesMax: number): CorruptDataError {
  return new CorruptDataError(`${name} data decompresses to more than ${bytesMax} bytes`, {
    code: 'CORRUPT_MESSAGE',
  })
}

const packages: { readonly [name in CompressionName]?: string } = {
  gzip: 'fflate',
  snappy: 'snappy or snappyjs',
  lz4: 'lz4-napi or lz4js',
  zstd: '@bokuweb/zstd-wasm',
}

function missing(name: CompressionName, cause: unknown): KafkaError {
  return new KafkaError(
    `${name} compression is not available in this runtime; install it with: npm install ${packages[name]}`,
    {
      code: 'UNSUPPORTED_COMPRESSION_TYPE',
      cause,
    },
  )
}

/** gzip (RFC 1952): the runtime's own zlib where there is one, else fflate. */
import { concatBytes } from '../../core/bytes.ts'
import { type Codec, tooLarge } from './codec.ts'
import { nodeZlib } from './node-zlib.ts'

export async function loadGzip(): Promise<Codec> {
  const zlib = nodeZlib()
  if (zlib) {
    return {
      name: 'gzip',
      compress: (bytes) => zlib.gzipSync(bytes),
      decompress(bytes, bytesMax) {
        try {
          return zlib.gunzipSync(bytes, { maxOutputLength: bytesMax })
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
            throw tooLarge('gzip', bytesMax)
          throw error
        }
      },
    }
  }
  const { Gunzip, gzipSync } = await import('fflate')
  return {
    name: 'gzip',
    compress: (bytes) => gzipSync(bytes),
    decompress(bytes, bytesMax) {
      const parts: Uint8Array[] = []
      let size = 0
      const gunzip = new Gunzip((part) => {
        size += part.length
        if (size > bytesMax) throw tooLarge('gzip', bytesMax)
        parts.push(part)
      })
      // In slices, so that a bomb is noticed while it unfolds.
      for (let at = 0; at < bytes.length; at += 65_536)
        gunzip.push(bytes.subarray(at, at + 65_536), at + 65_536 >= bytes.length)
      return concatBytes(parts)
    },
  }
}

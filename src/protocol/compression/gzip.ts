/** gzip (RFC 1952): the runtime's own zlib where there is one, else fflate. */
import { concatBytes, plainBytes } from '../../core/bytes.ts'
import { requirePackage } from '../optional-package.ts'
import type { Codec } from './codec.ts'
import { damaged, tooLarge } from './damaged-data.ts'
import { isOutputTooLarge, type NodeZlib, nodeZlib } from './node-zlib.ts'

/** A bomb is noticed while it unfolds: at most this much is decompressed at once, times gzip's limit of about 1000. */
const sliceBytes = 16 * 1024
/** Header, the shortest deflate stream, CRC-32 and length. fflate takes less for nothing at all. */
const memberBytesMin = 20

export async function loadGzip(): Promise<Codec> {
  const zlib = nodeZlib()
  return zlib ? builtInGzip(zlib) : loadPortableGzip()
}

function builtInGzip(zlib: NodeZlib): Codec {
  return {
    name: 'gzip',
    compress: (bytes) => plainBytes(zlib.gzipSync(bytes)),
    decompress(bytes, bytesMax) {
      try {
        return plainBytes(zlib.gunzipSync(bytes, { maxOutputLength: Math.max(1, bytesMax) }))
      } catch (error) {
        throw isOutputTooLarge(error) ? tooLarge('gzip', bytesMax) : error
      }
    },
  }
}

type Fflate = typeof import('fflate')

async function importFflate(): Promise<Fflate> {
  const required = requirePackage('fflate') as Fflate | undefined
  if (required) return required
  try {
    return await import('fflate')
  } catch (cause) {
    throw new Error('fflate is not installed', { cause })
  }
}

export async function loadPortableGzip(): Promise<Codec> {
  const { Gunzip, gzipSync } = await importFflate()
  return {
    name: 'gzip',
    compress: (bytes) => gzipSync(bytes),
    decompress(bytes, bytesMax) {
      if (bytes.length < memberBytesMin) throw damaged('gzip', 'it is cut short')
      const parts: Uint8Array[] = []
      let size = 0
      let memberStart = 0
      const gunzip = new Gunzip((part) => {
        size += part.length
        if (size > bytesMax) throw tooLarge('gzip', bytesMax)
        if (part.length > 0) parts.push(part)
      })
      gunzip.onmember = () => {
        memberStart = size
      }
      for (let at = 0; at < bytes.length; at += sliceBytes) {
        gunzip.push(bytes.subarray(at, at + sliceBytes), at + sliceBytes >= bytes.length)
      }
      // fflate leaves the trailer unread, so it does not notice data that stops early.
      const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4)
      if (trailer.getUint32(0, true) !== (size - memberStart) >>> 0) {
        throw damaged('gzip', 'its length is not what it says')
      }
      return concatBytes(parts)
    },
  }
}

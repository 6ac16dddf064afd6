/** Where records are read from: files, also compressed ones, and standard input. */
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import { encodeUtf8 } from '../../core/bytes.ts'
import { unreadableFile } from '../shell/command-error.ts'
import type { Io } from '../shell/io.ts'
import type { Source } from './input.ts'

/** `-` is standard input. */
export function sourceOf(file: string, io: Io): Source {
  if (file !== '-') return fileSource(file)
  return {
    name: 'standard input',
    isInput: true,
    open: () => untilAborted(io.stdin as AsyncIterable<Uint8Array | string>, io.signal),
  }
}

/** A text that is read as one line, whatever is in it. */
export function textSource(name: string, text: string): Source {
  return { name, isOneLine: true, open: () => once(encodeUtf8(text)) }
}

/** Reading it throws `CommandError` where it cannot be read. */
function fileSource(path: string): Source {
  return {
    name: path,
    async *open() {
      const file = createReadStream(path)
      try {
        if (path.endsWith('.gz')) {
          const unzipped = createGunzip()
          file.on('error', (error) => unzipped.destroy(error))
          yield* file.pipe(unzipped) as AsyncIterable<Uint8Array>
        } else yield* file as AsyncIterable<Uint8Array>
      } catch (error) {
        throw unreadableFile(path, error)
      } finally {
        file.destroy()
      }
    },
  }
}

async function* once(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk
}

/** A terminal may never send more. */
async function* untilAborted(
  chunks: AsyncIterable<Uint8Array | string>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(signal.reason as Error)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  aborted.catch(() => undefined)
  const iterator = chunks[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([iterator.next(), aborted])
    if (next.done === true) return
    const chunk = next.value
    yield typeof chunk === 'string' ? encodeUtf8(chunk) : chunk
  }
}

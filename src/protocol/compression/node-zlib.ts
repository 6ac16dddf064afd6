/** Node's zlib where the runtime has it (Node, Bun, Deno), without a static import that would break elsewhere. */

export interface NodeZlib {
  gzipSync(bytes: Uint8Array): Uint8Array
  gunzipSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array
  /** From Node 22.15. */
  zstdCompressSync?(bytes: Uint8Array): Uint8Array
  zstdDecompressSync?(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array
}

export function nodeZlib(): NodeZlib | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } }
  return process?.getBuiltinModule?.('node:zlib') as NodeZlib | undefined
}

/** Whether zlib stopped at `maxOutputLength`. */
export function isOutputTooLarge(error: unknown): boolean {
  return (
    error instanceof RangeError && (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
  )
}

/** How batches may be compressed. */
export const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

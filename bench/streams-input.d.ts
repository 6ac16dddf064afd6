export const keyCount: number
/** Makes the topics of the benchmarks of streams, and fills the one that they read. */
export function fill(url: string, recordCount: number): Promise<void>

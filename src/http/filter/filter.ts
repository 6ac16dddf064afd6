/** The parameter `filter`: an expression over key, value, headers and the rest of a record. */
import { compileFilter } from './evaluate.ts'
import type { FilteredRecord } from './filtered-record.ts'
import { parseFilter } from './parse.ts'

/** Throws `FilterError`, which says what is wrong, and where. */
export function readFilter(source: string): (record: FilteredRecord) => boolean {
  return compileFilter(parseFilter(source))
}

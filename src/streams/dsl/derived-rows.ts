/** Rows of a table that are left out, or changed, on their way. */
import * as tables from '../operators/table.ts'
import type { Rows } from './base-table.ts'
import { DerivedOldValues, oldValuesOfFilter } from './old-values.ts'

/** A table with history tells of every deletion. */
export function filtered(
  rows: Rows & { readonly historyMs?: number | undefined },
  keep: (value: never, key: never) => boolean,
): Rows {
  const old = oldValuesOfFilter(rows.old)
  const { operator, view } = tables.filterTable(rows.at.operator, rows.view, {
    keep,
    isOldSent: () => old.isSent && rows.historyMs === undefined,
  })
  return { at: { ...rows.at, operator }, view, old }
}

export function mapped(rows: Rows, fn: (value: never, key: never) => unknown): Rows {
  const { operator, view } = tables.mapTable(rows.at.operator, rows.view, fn)
  const at = { ...rows.at, operator, value: undefined }
  return { at, view, old: new DerivedOldValues(rows.old) }
}

/** `suppress` of tables, with windows or without. */

import { type Duration, inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import {
  type SuppressOptions as OperatorOptions,
  suppress,
  suppressedView,
} from '../operators/suppress.ts'
import type { Rows } from './base-table.ts'
import { sentAlways } from './old-values.ts'
import { keySerializer, valueSerializer } from './place.ts'
import { checkOptions, readMs, readStoreOptions } from './state-options.ts'

/** How `suppress` holds changes back for a time. */
export interface SuppressOptions {
  /** How long after the first change that is held back the last of its key is let through, by stream time. */
  until: Duration
  /** When more keys than that are held back, the one that has waited longest goes out early. Default: any number. */
  maxRecords?: number
  /** As `maxRecords`, for the size of keys and values as they are written, bytes. It costs writing each change. */
  maxBytes?: number
  /** Like `idle` of a window: when no record arrives for this long, time advances by as much. Default: never. */
  idle?: Duration
  /** Name of the store and its changelog. Default: from its position. */
  store?: string
}

/** Until the window closes: one result for each. */
export interface SuppressUntilClose {
  until: 'close'
  store?: string
}

/** What is known of the table's windows. */
export interface Closing {
  /** After the window's end. */
  readonly afterMs: number
  readonly idleMs: number | undefined
}

/** The rows behind a suppression. `closing`: where the table has windows. */
export function suppressed(rows: Rows, options: unknown, closing?: Closing): Rows {
  const { at, view, old } = rows
  const operator = suppress(at.operator, {
    ...readSuppress(options, closing),
    key: keySerializer(at),
    value: valueSerializer(at),
  })
  at.draft.note(operator)
  old.areSent(true)
  return { at: { ...at, operator }, view: suppressedView(operator, view), old: sentAlways }
}

function readSuppress(
  options: unknown,
  closing: Closing | undefined,
): Omit<OperatorOptions, 'key' | 'value'> {
  const all = ['until', 'maxRecords', 'maxBytes', 'idle', 'store']
  const { until, maxRecords, maxBytes, idle, store } = checkOptions('suppress', options, all)
  const { name } = readStoreOptions('suppress', store === undefined ? {} : { store })
  if (until === 'close') {
    if (!closing) {
      throw invalid(
        "suppress: until 'close' is for windowed tables; this one has no windows: use a time, until: '10s'",
      )
    }
    if (maxRecords !== undefined || maxBytes !== undefined || idle !== undefined) {
      throw invalid(
        "suppress: until 'close' emits each window's last result, so maxRecords and maxBytes cannot be set, and idle belongs to the window",
      )
    }
    const none = { maxRecords: undefined, maxBytes: undefined }
    return { until: 'close', ...closing, ...none, name }
  }
  if (until === undefined) {
    throw invalid(
      `suppress needs until: a time${closing ? ", or 'close'" : ''}; got ${inspectBriefly(options)}`,
    )
  }
  return {
    until: 'time',
    afterMs: readMs(until, 'suppress: until'),
    idleMs: idle === undefined ? undefined : readMs(idle, 'suppress: idle'),
    maxRecords: atLeastOne('maxRecords', maxRecords),
    maxBytes: atLeastOne('maxBytes', maxBytes),
    name,
  }
}

function atLeastOne(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number
  throw invalid(
    `suppress: ${option} must be a whole number of 1 or more; got ${inspectBriefly(value)}`,
  )
}

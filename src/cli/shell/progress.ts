/** How far something long has come, on one line of a terminal. Nothing where standard error is no terminal. */

import type { Timer } from '../../core/runtime.ts'
import type { Io, Terminal } from './io.ts'
import { formatBytes, formatCount } from './numbers.ts'

const everyMs = 200

export interface Progress {
  records: number
  bytes: number
  /** Of records or bytes, whichever is known; undefined: nobody knows. */
  total: { readonly records?: number; readonly bytes?: number } | undefined
  /** Takes the line away. Idempotent. */
  end(): void
}

export function startProgress(io: Io, what: string, beside?: Terminal): Progress {
  const startedAt = io.runtime.monotonicNow()
  const progress: Progress = { records: 0, bytes: 0, total: undefined, end: () => undefined }
  const isShown = io.stderr.isTTY === true && beside?.isTTY !== true
  if (!isShown || io.environment.TERM === 'dumb') return progress
  let timer: Timer | undefined
  const show = () => {
    const seconds = (io.runtime.monotonicNow() - startedAt) / 1000
    const width = io.stderr.columns ?? 80
    io.stderr.write(`\r\u001b[2K${textOf(what, progress, seconds).slice(0, width - 1)}`)
    timer = io.runtime.setTimer(everyMs, show, { background: true })
  }
  timer = io.runtime.setTimer(everyMs, show, { background: true })
  let isOver = false
  progress.end = () => {
    if (isOver) return
    isOver = true
    timer?.cancel()
    io.stderr.write('\r\u001b[2K')
  }
  return progress
}

function textOf(what: string, { records, bytes, total }: Progress, seconds: number): string {
  const share =
    total?.records !== undefined && total.records > 0
      ? records / total.records
      : total?.bytes !== undefined && total.bytes > 0
        ? bytes / total.bytes
        : undefined
  const perSecond = (count: number) => Math.round(count / Math.max(seconds, 0.001))
  if (total?.bytes !== undefined && total.records === undefined) {
    const rate = `${formatBytes(perSecond(bytes))}/s`
    const percent = share === undefined ? '' : `, ${Math.floor(Math.min(1, share) * 100)} %`
    return `${what}: ${formatBytes(bytes)} of ${formatBytes(total.bytes)}, ${rate}${percent}`
  }
  const parts = [
    `${what}: ${formatCount(records)} records, ${formatBytes(bytes)}`,
    `${formatCount(perSecond(records))}/s`,
    ...(share === undefined ? [] : [`${Math.floor(Math.min(1, share) * 100)} %`]),
  ]
  return parts.join(', ')
}

/** Windows of time, as `stream.window(...)` and the windows of groups take them. */
import { type Duration, inspectBriefly, parseDuration } from '../core/duration.ts'
import { invalid } from '../core/options.ts'

/** Options of every kind of window. */
export interface WindowOptions {
  /** How long after the window's end, in stream time, a record is still accepted. Default: 0. */
  grace?: Duration
  /**
   * When the task has received no record for this long, by the wall clock, stream time advances by as much, and again
   * whenever it has been silent for as long once more, until every window is closed. Default: never, and only records
   * move time.
   */
  idle?: Duration
}

interface BaseWindow {
  readonly graceMs: number
  readonly idleMs: number | undefined
}

/** Windows of one size that begin every so often; at multiples of `everyMs` since the epoch. */
export interface TumblingWindow extends BaseWindow {
  readonly kind: 'tumbling' | 'hopping'
  readonly sizeMs: number
  readonly everyMs: number
}

/** For each record a window that ends with it, and one that begins right after it. */
export interface SlidingWindow extends BaseWindow {
  readonly kind: 'sliding'
  readonly differenceMs: number
}

/** A window of a fixed size: what `Window.tumbling`, `Window.hopping` and `Window.sliding` give. */
export type TimeWindow = TumblingWindow | SlidingWindow

/** Records of one key without a gap longer than `gapMs` between them. */
export interface SessionWindow extends BaseWindow {
  readonly kind: 'session'
  readonly gapMs: number
}

/**
 * Kinds of windows. A window's end is exclusive, a session's last timestamp inclusive. Each throws `ConfigError` for a
 * duration that is no whole number of milliseconds, or of 0 where that makes no sense.
 */
export const Window = Object.freeze({
  /** Windows of `size` that follow one another: `Window.tumbling('5m')`. */
  tumbling(size: Duration, options?: WindowOptions): TumblingWindow {
    const sizeMs = positive(size, 'tumbling: size')
    return Object.freeze({ kind: 'tumbling', sizeMs, everyMs: sizeMs, ...read(options) })
  },

  /** Overlapping windows of `size`, which begin at a fixed interval. */
  hopping(size: Duration, options: WindowOptions & { every: Duration }): TumblingWindow {
    const sizeMs = positive(size, 'hopping: size')
    const { every, ...rest } = checked(options, ['every'])
    const everyMs = positive(every as Duration, 'hopping: every')
    if (everyMs > sizeMs) {
      throw invalid(
        `Window.hopping: every (${everyMs} ms) must not be more than the size (${sizeMs} ms), or records between two windows would be in none`,
      )
    }
    return Object.freeze({ kind: 'hopping', sizeMs, everyMs, ...read(rest as WindowOptions) })
  },

  /** Records that are at most `difference` apart. */
  sliding(difference: Duration, options?: WindowOptions): SlidingWindow {
    const differenceMs = whole(difference, 'sliding: difference')
    return Object.freeze({ kind: 'sliding', differenceMs, ...read(options) })
  },

  /** Records of a key that follow one another within `gap`. */
  session(gap: Duration, options?: WindowOptions): SessionWindow {
    return Object.freeze({
      kind: 'session',
      gapMs: positive(gap, 'session: gap'),
      ...read(options),
    })
  },
})

function read(options: WindowOptions | undefined): BaseWindow {
  const { grace, idle } = checked(options === undefined ? {} : options, [])
  return {
    graceMs: grace === undefined ? 0 : whole(grace as Duration, 'grace', 'Window: '),
    idleMs: idle === undefined ? undefined : positive(idle as Duration, 'idle', 'Window: '),
  }
}

function checked(
  options: unknown,
  others: readonly string[],
): { readonly [name: string]: unknown } {
  const known = ['grace', 'idle', ...others]
  if (Object.prototype.toString.call(options) !== '[object Object]') {
    throw invalid(
      `The options of a window must be an object with ${known.join(', ')}; got ${inspectBriefly(options)}`,
    )
  }
  for (const name of Object.keys(options as object)) {
    if (!known.includes(name)) {
      throw invalid(`A window has no option '${name}'; it takes ${known.join(', ')}`)
    }
  }
  return options as { readonly [name: string]: unknown }
}

function whole(duration: Duration, name: string, of = 'Window.'): number {
  const ms = parseDuration(duration, of + name)
  if (!Number.isSafeInteger(ms)) throw invalid(`${of}${name} must be whole milliseconds; got ${ms}`)
  return ms
}

function positive(duration: Duration, name: string, of = 'Window.'): number {
  const ms = whole(duration, name, of)
  if (ms === 0) throw invalid(`${of}${name} must be more than 0`)
  return ms
}

/** Throws `ConfigError` for what none of `Window`'s functions has made. */
export function checkWindow<W extends TimeWindow | SessionWindow>(
  operator: string,
  window: W | undefined,
): W {
  if (typeof window === 'object' && window !== null && isWhole(window)) return window
  throw invalid(
    `${operator} needs a window: Window.tumbling('5m'), Window.hopping, Window.sliding or Window.session; got ${inspectBriefly(window)}`,
  )
}

/** It has the lengths that its kind has. */
function isWhole(window: TimeWindow | SessionWindow): boolean {
  const lengths = {
    tumbling: ['sizeMs', 'everyMs'],
    hopping: ['sizeMs', 'everyMs'],
    sliding: ['differenceMs'],
    session: ['gapMs'],
  }[window.kind] as (keyof typeof window)[] | undefined
  return lengths?.every((name) => Number.isSafeInteger(window[name])) ?? false
}

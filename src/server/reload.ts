/**
 * A config in the place of the one that a server runs with: what can be taken while it runs is taken, and the rest is named.
 * All or nothing: what is wrong is found before anything changes.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Door } from './door.ts'
import type { ResolvedListener, TlsConfig } from './listener-config.ts'
import type { ConnectionLimits, ResolvedServerConfig } from './server-config.ts'
import { checkCertificate } from './tls-context.ts'

/** What became of a reload, by the names of options. */
export interface Reloaded {
  /** Taken. */
  readonly changed: readonly string[]
  /** Other than what the server runs with, and not taken: that needs a restart. */
  readonly needRestart: readonly string[]
}

/** Asked for anew each time that it matters. */
const liveOptions = [
  'maxConnections',
  'maxInFlightRequests',
  'maxUnsentBytes',
  'maxFirstRequestBytes',
  'closeTimeout',
  'drainDelay',
  'maxMetricSeries',
] as const

type LiveOption = (typeof liveOptions)[number]

/** What the parts of a server look at; changed in place. */
export type LiveConfig = ConnectionLimits & Pick<ResolvedServerConfig, LiveOption>

/** Throws `ConfigError` for a certificate that cannot be used; then nothing has changed. */
export function applyReload(
  running: ResolvedServerConfig,
  wanted: ResolvedServerConfig,
  { live, doors }: { readonly live: LiveConfig; readonly doors: readonly Door[] },
): { readonly reloaded: Reloaded; readonly running: ResolvedServerConfig } {
  const changed: string[] = []
  const needRestart: string[] = []
  const { listeners, renewed } = certificates(running, wanted, needRestart)
  const taken: { [K in LiveOption]?: ResolvedServerConfig[K] } = {}
  for (const key of Object.keys(wanted) as (keyof ResolvedServerConfig)[]) {
    // Of the program that made the server.
    if (key === 'runtime' || key === 'telemetry' || key === 'listeners') continue
    if (isDeepStrictEqual(running[key], wanted[key])) continue
    if (!isLive(key)) {
      needRestart.push(key)
      continue
    }
    taken[key] = wanted[key]
    changed.push(key)
  }
  Object.assign(live, taken)
  for (const [name, tls] of renewed) {
    doors.find((door) => door.name === name)!.renewCertificate(tls)
    changed.push(`tls of listener '${name}'`)
  }
  return {
    reloaded: { changed, needRestart },
    running: Object.freeze({ ...running, ...taken, listeners }),
  }
}

function isLive(key: keyof ResolvedServerConfig): key is LiveOption {
  return (liveOptions as readonly string[]).includes(key)
}

type Named = ResolvedListener & { readonly name: string }

/** The listeners as they are to be, and those with another certificate. */
function certificates(
  running: ResolvedServerConfig,
  wanted: ResolvedServerConfig,
  needRestart: string[],
): { readonly listeners: readonly Named[]; readonly renewed: ReadonlyMap<string, TlsConfig> } {
  const renewed = new Map<string, TlsConfig>()
  const names = (config: ResolvedServerConfig) => config.listeners.map(({ name }) => name)
  if (!isDeepStrictEqual(names(running), names(wanted))) {
    needRestart.push('listeners')
    return { listeners: running.listeners, renewed }
  }
  const listeners = running.listeners.map((now, i) => {
    const { tls, ...rest } = wanted.listeners[i]!
    const { tls: tlsNow, ...restNow } = now
    if (!isDeepStrictEqual(rest, restNow)) needRestart.push(`listener '${now.name}'`)
    if (isDeepStrictEqual(tls, tlsNow)) return now
    // Whether there is TLS, and whether clients must have certificates, is settled when a port is opened.
    const isAlike = tls && tlsNow && (tls.ca === undefined) === (tlsNow.ca === undefined)
    if (!isAlike) {
      needRestart.push(`tls of listener '${now.name}'`)
      return now
    }
    checkCertificate(tls, now.name)
    renewed.set(now.name, tls)
    return { ...now, tls }
  })
  return { listeners, renewed }
}

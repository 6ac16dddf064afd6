/**
 * A config in the place of the one that a server runs with: what can be taken while it runs is taken, and the rest is named.
 * All or nothing: what is wrong is found before anything changes.
 */
import { isDeepStrictEqual } from 'node:util'
import { resolveBrokerConfig } from '../broker/config.ts'
import { isPlainObject } from '../core/options.ts'
import type { ResolvedHttpConfig } from '../http/http-config.ts'
import type { Listener } from './listener.ts'
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

/** Of `http`. */
const liveHttpOptions = [
  'maxConnections',
  'maxBodyBytes',
  'maxJsonDepth',
  'maxReadBytes',
  'maxWait',
  'maxIdempotencyKeys',
  'bodyTimeout',
  'sendTimeout',
] as const

type LiveOption = (typeof liveOptions)[number]

/** What the parts of a server look at; changed in place. */
export type LiveConfig = ConnectionLimits &
  Pick<ResolvedServerConfig, LiveOption> & { readonly http: ResolvedHttpConfig }

/** Throws `ConfigError` for a certificate that cannot be used; then nothing has changed. */
export function applyReload(
  running: ResolvedServerConfig,
  wanted: ResolvedServerConfig,
  {
    live,
    openListeners,
  }: { readonly live: LiveConfig; readonly openListeners: readonly Listener[] },
): { readonly reloaded: Reloaded; readonly running: ResolvedServerConfig } {
  const changed: string[] = []
  const needRestart: string[] = []
  const { listeners, renewed } = certificates(running, wanted, needRestart)
  const taken = takenOf(withBroker(running), withBroker(wanted), liveOptions, '')
  const takenOfHttp = takenOf(running.http, wanted.http, liveHttpOptions, 'http.')
  for (const { changed: of, needRestart: not } of [taken, takenOfHttp]) {
    changed.push(...of)
    needRestart.push(...not)
  }
  Object.assign(live, taken.values)
  Object.assign(live.http, takenOfHttp.values)
  for (const [name, tls] of renewed) {
    openListeners.find((listener) => listener.name === name)!.renewCertificate(tls)
    changed.push(`tls of listener '${name}'`)
  }
  return {
    reloaded: { changed, needRestart },
    running: Object.freeze({
      ...running,
      ...taken.values,
      http: Object.freeze({ ...running.http, ...takenOfHttp.values }),
      listeners,
    }),
  }
}

/** What is looked at on its own, or is of the program that made the server. */
const apart: ReadonlySet<string> = new Set(['runtime', 'telemetry', 'listeners', 'http'])

/** Who says nothing of the broker has its defaults. */
function withBroker(config: ResolvedServerConfig): ResolvedServerConfig {
  return { ...config, broker: config.broker ?? brokerDefaults }
}

const brokerDefaults = resolveBrokerConfig()

/** What of `wanted` is other than what runs, by its full name: what can be taken, and what needs a restart. */
function takenOf<T extends object, K extends keyof T & string>(
  running: T,
  wanted: T,
  live: readonly K[],
  prefix: string,
): Reloaded & { readonly values: Partial<Pick<T, K>> } {
  const other = differing(running, wanted).filter((key) => !apart.has(key))
  const isLive = (key: string): key is K => (live as readonly string[]).includes(key)
  const changed = other.filter(isLive)
  return {
    values: Object.fromEntries(changed.map((key) => [key, wanted[key]])) as Partial<Pick<T, K>>,
    changed: changed.map((key) => prefix + key),
    needRestart: other
      .filter((key) => !isLive(key))
      .flatMap((key) => withinNames(prefix + key, running[key], wanted[key])),
  }
}

function differing<T extends object>(running: T, wanted: T): (keyof T & string)[] {
  const keys = [...new Set([...Object.keys(running), ...Object.keys(wanted)])] as (keyof T &
    string)[]
  return keys.filter((key) => !isDeepStrictEqual(running[key], wanted[key]))
}

/** `broker.retention`, where both are options of their own. */
function withinNames(name: string, running: unknown, wanted: unknown): string[] {
  if (!isPlainObject(running) || !isPlainObject(wanted)) return [name]
  return differing(running as object, wanted as object).map((key) => `${name}.${key}`)
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

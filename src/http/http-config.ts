/** What the HTTP door bounds, and whom it lets in: `ServerConfig.http`, and the config of `createHttpHandler`. */
import type { Duration } from '../core/duration.ts'
import { inspectBriefly } from '../core/duration.ts'
import {
  boolean,
  bytes,
  duration,
  integer,
  invalid,
  type Option,
  type OptionsOf,
  type OptionTable,
} from '../core/options.ts'

/** Limits of the HTTP door. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface HttpConfig {
  /**
   * Longest body of a request as it is sent; NDJSON and frames have limits of their own. 1 KiB or
   * more; default 16 MiB.
   */
  maxBodyBytes?: number | undefined
  /**
   * Longest body of a request once gzip, br or deflate is taken off. 1 KiB or more; default 64 MiB.
   */
  maxInflatedBytes?: number | undefined
  /**
   * Records of one request in JSON, and of one answer. NDJSON takes any number. 1 or more; default
   * 10,000.
   */
  maxRecords?: number | undefined
  /** How deep JSON may be nested. 4 to 1000; default 64. */
  maxJsonDepth?: number | undefined
  /** How long the headers of a request may take. 1 ms or more; default 10 s. */
  headersTimeout?: Duration | undefined
  /** A body of which nothing comes for so long is cut off. 1 ms or more; default 30 s. */
  bodyTimeout?: Duration | undefined
  /**
   * A reader that takes nothing of its answer for so long is cut off. 1 ms or more; default 30 s.
   */
  sendTimeout?: Duration | undefined
  /** Longest `wait` for records that are not there yet. At most 1 h; default 1 min. */
  maxWait?: Duration | undefined
  /** Connections at a time; more are turned away. 1 or more; default 10,000. */
  maxConnections?: number | undefined
  /**
   * Live streams at a time of one API key, or of one address where there are no keys. 1 or more;
   * default 100.
   */
  maxStreamsPerKey?: number | undefined
  /** How often a live stream that has nothing to tell says so. 10 ms or more; default 15 s. */
  ping?: Duration | undefined
  /**
   * Most that one answer with records holds, keys and values counted, unless its first record alone
   * is longer. 1 KiB or more; default 8 MiB.
   */
  maxReadBytes?: number | undefined
  /** How long the answer to an `Idempotency-Key` is kept. 1 min or more; default 1 day. */
  idempotencyRetention?: Duration | undefined
  /**
   * Keys whose answers are kept at a time; beyond, new ones are refused with 503. 1 or more;
   * default 100,000.
   */
  maxIdempotencyKeys?: number | undefined
  /** How long a ticket for `EventSource` may be used, once. 1 s to 1 h; default 30 s. */
  ticketLifetime?: Duration | undefined
  /**
   * Names that clients may call this host by, without ports; others are refused with 421, which
   * keeps web pages of elsewhere from reaching it (DNS rebinding). Default: any when it listens
   * beyond this machine, else `localhost` and loopback addresses.
   */
  allowedHosts?: string | readonly string[] | undefined
  /** Origins whose web pages may use the API from a browser; `*` stands for all. Default: none. */
  corsOrigins?: string | readonly string[] | undefined
  /**
   * The console at `/`, for browsers. `createHttpHandler` has it only where it is set. Default
   * true.
   */
  console?: boolean | undefined
}

export interface ResolvedHttpConfig {
  readonly maxBodyBytes: number
  readonly maxInflatedBytes: number
  readonly maxRecords: number
  readonly maxJsonDepth: number
  readonly headersTimeout: number
  readonly bodyTimeout: number
  readonly sendTimeout: number
  readonly maxWait: number
  readonly maxConnections: number
  readonly maxStreamsPerKey: number
  readonly ping: number
  readonly maxReadBytes: number
  readonly idempotencyRetention: number
  readonly maxIdempotencyKeys: number
  readonly ticketLifetime: number
  readonly allowedHosts: readonly string[] | undefined
  readonly corsOrigins: readonly string[] | undefined
  readonly console: boolean
}

const mebibyte = 1_048_576
const hourMs = 3_600_000

export const httpOptions: OptionTable<ResolvedHttpConfig> = {
  maxBodyBytes: bytes(16 * mebibyte, { min: 1024 }),
  maxInflatedBytes: bytes(64 * mebibyte, { min: 1024 }),
  maxRecords: integer(10_000, { min: 1 }),
  maxJsonDepth: integer(64, { min: 4, max: 1000 }),
  headersTimeout: duration(10_000, { min: 1 }),
  bodyTimeout: duration(30_000, { min: 1 }),
  sendTimeout: duration(30_000, { min: 1 }),
  maxWait: duration(60_000, { min: 0, max: hourMs }),
  maxConnections: integer(10_000, { min: 1 }),
  maxStreamsPerKey: integer(100, { min: 1 }),
  ping: duration(15_000, { min: 10 }),
  maxReadBytes: bytes(8 * mebibyte, { min: 1024 }),
  idempotencyRetention: duration(24 * hourMs, { min: 60_000 }),
  maxIdempotencyKeys: integer(100_000, { min: 1 }),
  ticketLifetime: duration(30_000, { min: 1000, max: hourMs }),
  allowedHosts: names(undefined, 'host names', isHostPattern),
  corsOrigins: names(undefined, 'origins such as https://app.example.com', isOrigin),
  console: boolean(true),
} satisfies OptionsOf<HttpConfig>

/** Several, as an array or with commas between them. */
function names(
  fallback: undefined,
  expected: string,
  isValid: (name: string) => boolean,
): Option<readonly string[] | undefined> {
  return {
    type: { kind: 'text' },
    fallback,
    read(value, key) {
      const list = typeof value === 'string' ? value.split(',').map((name) => name.trim()) : value
      if (
        Array.isArray(list) &&
        list.length > 0 &&
        list.every((name) => typeof name === 'string' && isValid(name))
      )
        return Object.freeze([...(list as string[])])
      throw invalid(
        `${key} must be ${expected}, in an array or separated by commas; got ${inspectBriefly(value)}`,
      )
    },
  }
}

function isHostPattern(name: string): boolean {
  return /^[a-z0-9._:[\]-]+$/i.test(name)
}

function isOrigin(name: string): boolean {
  return name === '*' || /^https?:\/\/[^/\s]+$/.test(name)
}

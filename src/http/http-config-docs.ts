/** What is told of the options of the HTTP door. */
import type { DocsOf } from '../core/option.ts'
import type { HttpConfig } from './http-config.ts'

const http = 'HTTP'

export const httpDocs: DocsOf<HttpConfig> = {
  maxBodyBytes: {
    doc: 'Longest body of a request as it is sent; NDJSON and frames have limits of their own.',
    section: http,
  },
  maxInflatedBytes: {
    doc: 'Longest body of a request once gzip, br or deflate is taken off.',
    section: http,
  },
  maxRecords: {
    doc: 'Records of one request in JSON, and of one answer. NDJSON takes any number.',
    section: http,
  },
  maxJsonDepth: { doc: 'How deep JSON may be nested.', section: http },
  headersTimeout: { doc: 'How long the headers of a request may take.', section: http },
  bodyTimeout: {
    doc: 'A body of which nothing comes for so long is cut off.',
    section: http,
  },
  sendTimeout: {
    doc: 'A reader that takes nothing of its answer for so long is cut off.',
    section: http,
  },
  maxWait: { doc: 'Longest `wait` for records that are not there yet.', section: http },
  maxConnections: { doc: 'Connections at a time; more are turned away.', section: http },
  maxStreamsPerKey: {
    doc: 'Live streams at a time of one API key, or of one address where there are no keys.',
    section: http,
  },
  ping: { doc: 'How often a live stream that has nothing to tell says so.', section: http },
  maxReadBytes: {
    doc: 'Most that one answer with records holds, keys and values counted, unless its first record alone is longer.',
    section: http,
  },
  idempotencyRetention: {
    doc: 'How long the answer to an `Idempotency-Key` is kept.',
    section: http,
  },
  maxIdempotencyKeys: {
    doc: 'Keys whose answers are kept at a time; beyond, new ones are refused with 503.',
    section: http,
  },
  ticketLifetime: {
    doc: 'How long a ticket for `EventSource` may be used, once.',
    section: http,
  },
  allowedHosts: {
    doc: 'Names that clients may call this host by, without ports; others are refused with 421, which keeps web pages of elsewhere from reaching it (DNS rebinding).',
    byDefault: 'any when it listens beyond this machine, else `localhost` and loopback addresses',
    section: http,
  },
  corsOrigins: {
    doc: 'Origins whose web pages may use the API from a browser; `*` stands for all.',
    byDefault: 'none',
    section: http,
  },
  console: {
    doc: 'The console at `/`, for browsers. `createHttpHandler` has it only where it is set.',
    section: http,
  },
}

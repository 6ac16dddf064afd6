/** Descriptions of the options of `createHttpHandler`. */
import { brokerDocs } from '../broker/config-docs.ts'
import type { DocsOf } from '../core/option.ts'
import { httpDocs } from '../http/http-config-docs.ts'
import type { HttpHandlerConfig } from './http-handler.ts'

export const httpHandlerDocs: DocsOf<HttpHandlerConfig> = {
  data: {
    doc: 'The data folder, as a path or a `file:` URL, or `memory:` to keep data in memory only.',
  },
  upstream: {
    doc: 'Cluster to act as a gateway for: `kafka://host:9092,host2:9092` or `kafka+tls://user:password@host`.',
    byDefault: 'the data folder is served',
  },
  upstreamCa: {
    doc: 'Certificate authorities to trust for an `upstream` with TLS, PEM.',
    byDefault: 'the well-known ones',
  },
  basePath: { doc: 'Path it is mounted at, such as `/events`.', byDefault: 'the root' },
  http: { doc: 'Limits and access rules of HTTP.', options: httpDocs },
  broker: { doc: 'Settings of the broker.', options: brokerDocs },
  logger: { doc: 'Receives structured log messages; a pino logger fits.', byDefault: 'none' },
  runtime: { doc: 'Clock, timers and randomness, for tests.' },
}

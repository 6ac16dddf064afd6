/** What is told of the options of `createHttpHandler`. */
import { brokerDocs } from '../broker/config-docs.ts'
import type { DocsOf } from '../core/option.ts'
import { httpDocs } from '../http/http-config-docs.ts'
import type { HttpHandlerConfig } from './http-handler.ts'

export const httpHandlerDocs: DocsOf<HttpHandlerConfig> = {
  data: {
    doc: 'The data folder, as a path or a `file:` URL, or `memory:` for data that is gone at the end.',
  },
  upstream: {
    doc: 'Another cluster to stand before: `kafka://host:9092,host2:9092` or `kafka+tls://user:password@host`.',
    byDefault: 'the data folder is served',
  },
  upstreamCa: {
    doc: 'Authorities to trust for an `upstream` with TLS, PEM.',
    byDefault: 'the well-known ones',
  },
  basePath: { doc: 'Where it is mounted, such as `/events`.', byDefault: 'the root' },
  http: { doc: 'Limits of HTTP, and whom it lets in.', options: httpDocs },
  broker: { doc: 'Settings of the broker.', options: brokerDocs },
  logger: { doc: 'Receives structured log lines; a pino logger fits.', byDefault: 'none' },
  runtime: { doc: 'Clock, timers and randomness; for tests.' },
}

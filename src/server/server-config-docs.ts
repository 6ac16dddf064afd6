/** Descriptions of the server options, for docs/configuration.md, docstrings and the help of `kafka-do serve`. */
import { brokerDocs } from '../broker/config-docs.ts'
import type { DocsOf } from '../core/option.ts'
import { httpDocs } from '../http/http-config-docs.ts'
import { accessDocs } from './access-config.ts'
import type {
  AdvertisedConfig,
  KafkaListenerConfig,
  ListenerConfig,
  TlsConfig,
} from './listener-config.ts'
import type { ServerConfig } from './server-config.ts'

/** The headings of `kafka-do serve --help`. */
const listening = 'Listening'
const encryption = 'TLS'
const limits = 'Limits of connections'
const watching = 'Health and metrics'

const tlsDocs: DocsOf<TlsConfig> = {
  cert: {
    doc: 'Certificate chain, PEM.',
    section: encryption,
  },
  key: {
    doc: 'Private key of the certificate, PEM.',
    section: encryption,
  },
  ca: {
    doc: 'Certificate authorities for client certificates, PEM. If set, clients must present a certificate.',
    section: encryption,
  },
  principalMappingRules: {
    doc: "How a client certificate maps to a principal name, in Kafka's syntax: `RULE:^CN=(.*?),.*$/$1/,DEFAULT`.",
    byDefault: 'the whole distinguished name',
    renamed: 'it is inside `tls`, like the other options without `ssl.`',
    section: encryption,
  },
}

const advertisedDocs: DocsOf<AdvertisedConfig> = {
  host: {
    doc: 'Host name.',
    byDefault: "the listener's `host`, or this machine's name if that is a wildcard",
  },
  port: { doc: 'Port, e.g. that of a proxy.', byDefault: 'the port it listens on' },
}

const listenerDocs: DocsOf<ListenerConfig & KafkaListenerConfig> = {
  kind: { doc: 'Protocol of the listener.' },
  name: {
    doc: 'Name in logs and metrics.',
    byDefault: 'its kind; further listeners of a kind are `kafka-2`, `http-2` and so on',
  },
  host: {
    doc: 'Address to listen on: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.',
  },
  port: {
    doc: 'Port; 0 picks a free one.',
    byDefault: '9092; for an HTTP listener 8080, for a management listener 9308',
  },
  advertised: {
    doc: 'The address that clients of this listener are told to connect to.',
    byDefault: 'the address the listener listens on',
    options: advertisedDocs,
  },
  tls: { doc: 'Use TLS on the port.', byDefault: 'plain TCP', options: tlsDocs },
}

export const serverDocs: DocsOf<ServerConfig> = {
  data: {
    doc: 'The data folder, as a path or a `file:` URL, or `memory:` to keep data in memory only.',
    section: 'Data',
    placeholder: 'folder',
  },
  host: {
    doc: 'Address to listen on: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.',
    section: listening,
    placeholder: 'address',
  },
  port: {
    doc: 'Port; 0 picks a free one.',
    section: listening,
  },
  advertisedHost: {
    doc: 'Host name that clients are told to connect to.',
    byDefault: "`host`, or this machine's name if that is a wildcard",
    section: listening,
    placeholder: 'name',
  },
  advertisedPort: {
    doc: 'Port that clients are told to connect to, e.g. that of a proxy.',
    byDefault: 'the port it listens on',
    section: listening,
  },
  tls: {
    doc: 'Use TLS on the port.',
    byDefault: 'plain TCP',
    options: tlsDocs,
  },
  httpPort: {
    doc: 'Port for HTTP: the API under `/v1`, and clients with `http://` URLs; 0 picks a free one. With `tls` it is HTTPS.',
    byDefault: 'no HTTP; with `upstream`, 8080',
    section: listening,
  },
  managementPort: {
    doc: 'Port for health checks and metrics: `/livez`, `/readyz` and `/metrics`; 0 picks a free one. It requires no authentication, and shows no records and no secrets.',
    byDefault: 'none',
    section: watching,
  },
  managementHost: {
    doc: 'Address that `managementPort` listens on: this machine only, whatever `host` is, unless it is `0.0.0.0` or `::` for all interfaces.',
    section: watching,
    placeholder: 'address',
  },
  maxMetricSeries: {
    doc: 'Series for topics and groups in `/metrics`, in total; the rest are summed under the label `(other)`.',
    section: watching,
  },
  upstream: {
    doc: 'Cluster to act as a gateway for: `kafka://host:9092,host2:9092` or `kafka+tls://user:password@host`. The server then serves HTTP and stores nothing itself.',
    byDefault: 'the data folder is served',
    section: 'Data',
    placeholder: 'url',
  },
  upstreamCa: {
    doc: 'Certificate authorities to trust for an `upstream` with TLS, PEM.',
    byDefault: 'the well-known ones',
    section: encryption,
  },
  http: { doc: 'Limits and access rules of HTTP.', options: httpDocs },
  listeners: {
    doc: 'Several listeners, each with its own address, instead of `host`, `port`, `advertisedHost`, `advertisedPort`, `tls`, `httpPort`, `managementPort` and `managementHost`.',
    byDefault: 'the listeners those options describe',
    section: listening,
    options: listenerDocs,
  },
  ...accessDocs,
  socketRequestMaxBytes: {
    doc: 'Longest request, bytes; a longer one closes its connection. Never more than half of `queuedMaxRequestBytes`, or 1/64 of it for requests other than Produce.',
    section: limits,
  },
  queuedMaxRequestBytes: {
    doc: "Memory of all connections together for requests received in full or in part and for responses not yet sent, bytes. When it is used up, requests wait their turn. Kafka's setting limits requests only.",
    byDefault: 'a quarter of the memory of the machine or container, 64 MiB to 512 MiB',
    section: limits,
  },
  requestReceiveTimeout: {
    doc: 'How long a request may take to arrive in full; after that its connection is closed.',
    section: limits,
  },
  memoryWaitTimeout: {
    doc: "How long a request or response waits for memory. After that a request's connection is closed, and a fetch is answered without records.",
    section: limits,
  },
  slowConnectionGrace: {
    doc: 'When requests have waited for memory this long, connections that have held memory as long for an incomplete request or an unread response are closed, the slowest first, until the others are served.',
    section: limits,
  },
  maxFirstRequestBytes: {
    doc: 'Longest request of a connection before its first response, bytes.',
    section: limits,
  },
  maxConnections: {
    doc: 'Number of connections; further ones are closed at once.',
    section: limits,
  },
  maxInFlightRequests: {
    doc: 'Requests of one connection processed at a time; further ones are not read.',
    section: limits,
  },
  maxUnsentBytes: {
    doc: 'Responses of one connection that wait for a slow reader, bytes. Beyond this no request is started. The first response to a fetch is no larger, unless a single batch is.',
    section: limits,
  },
  connectionsMaxIdle: {
    doc: 'A connection without requests for this long is closed.',
    section: limits,
  },
  closeTimeout: {
    doc: 'How long `close` waits for clients to read their last responses.',
    section: limits,
  },
  drainDelay: {
    doc: 'How long `close` keeps serving while `/readyz` reports that the server is about to stop, so that load balancers send new work elsewhere.',
    section: watching,
  },
  broker: {
    doc: 'Settings of the broker.',
    options: brokerDocs,
  },
  telemetry: {
    doc: 'Observes requests: `openTelemetryServer()` from `kafka-do/opentelemetry`, or your own.',
    byDefault: 'none',
  },
  logger: {
    doc: 'Receives structured log messages; a pino logger fits.',
    byDefault: 'none',
  },
  runtime: {
    doc: 'Clock, timers and randomness, for tests.',
  },
}

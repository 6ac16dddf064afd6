/** What is told of the options of a server: in docs/configuration.md, docstrings and the help of `kafka-do serve`. */
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
    doc: "Certificates of the authorities that clients' certificates must come from, PEM; given: clients must have one.",
    section: encryption,
  },
  principalMappingRules: {
    doc: "How a client's certificate becomes the name of a principal, in Kafka's words: `RULE:^CN=(.*?),.*$/$1/,DEFAULT`.",
    byDefault: 'the whole distinguished name',
    renamed: 'it stands in `tls`, whose other options have no `ssl.` before their names either',
    section: encryption,
  },
}

const advertisedDocs: DocsOf<AdvertisedConfig> = {
  host: {
    doc: 'Host name.',
    byDefault: "the listener's `host`, or this machine's name when that is a wildcard",
  },
  port: { doc: 'Port, e.g. that of a proxy.', byDefault: 'the one listened at' },
}

const listenerDocs: DocsOf<ListenerConfig & KafkaListenerConfig> = {
  kind: { doc: 'What is spoken.' },
  name: {
    doc: 'In logs and metrics.',
    byDefault: 'its kind, and from the second of that kind on `kafka-2`, `http-2` and so on',
  },
  host: {
    doc: 'Address to listen at: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.',
  },
  port: {
    doc: 'Port; 0 takes a free one.',
    byDefault: '9092, of an HTTP listener 8080, of a management listener 9308',
  },
  advertised: {
    doc: 'Where clients that came in here are told to connect to.',
    byDefault: 'where the listener listens',
    options: advertisedDocs,
  },
  tls: { doc: 'Speak TLS on the port.', byDefault: 'plain TCP', options: tlsDocs },
}

export const serverDocs: DocsOf<ServerConfig> = {
  data: {
    doc: 'The data folder, as a path or a `file:` URL, or `memory:` for data that is gone at the end.',
    section: 'Data',
    placeholder: 'folder',
  },
  host: {
    doc: 'Address to listen at: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.',
    section: listening,
    placeholder: 'address',
  },
  port: {
    doc: 'Port; 0 takes a free one.',
    section: listening,
  },
  advertisedHost: {
    doc: 'Host name that clients are told to connect to.',
    byDefault: "`host`, or this machine's name when that is a wildcard",
    section: listening,
    placeholder: 'name',
  },
  advertisedPort: {
    doc: 'Port that clients are told to connect to, e.g. that of a proxy.',
    byDefault: 'the one listened at',
    section: listening,
  },
  tls: {
    doc: 'Speak TLS on the port.',
    byDefault: 'plain TCP',
    options: tlsDocs,
  },
  httpPort: {
    doc: 'Port for HTTP: the API under `/v1`, and clients with `http://` URLs; 0 takes a free one. With `tls` it is HTTPS.',
    byDefault: 'no HTTP; with `upstream` 8080',
    section: listening,
  },
  managementPort: {
    doc: 'Port for health checks and metrics: `/livez`, `/readyz` and `/metrics`; 0 takes a free one. It asks nobody who they are, and has neither records nor secrets.',
    byDefault: 'none',
    section: watching,
  },
  managementHost: {
    doc: 'Address that `managementPort` listens at: this machine only, whatever `host` says, unless it is `0.0.0.0` or `::` for all interfaces.',
    section: watching,
    placeholder: 'address',
  },
  maxMetricSeries: {
    doc: 'Series of topics and groups in `/metrics` together; what is beyond is summed under the label `(other)`.',
    section: watching,
  },
  upstream: {
    doc: 'Another cluster to stand before, as a gateway: `kafka://host:9092,host2:9092` or `kafka+tls://user:password@host`. HTTP is served, and nothing is stored here.',
    byDefault: 'the data folder is served',
    section: 'Data',
    placeholder: 'url',
  },
  upstreamCa: {
    doc: 'Authorities to trust for an `upstream` with TLS, PEM.',
    byDefault: 'the well-known ones',
    section: encryption,
  },
  http: { doc: 'Limits of HTTP, and whom it lets in.', options: httpDocs },
  listeners: {
    doc: 'Several ways in, each with an address of its own, in the place of `host`, `port`, `advertisedHost`, `advertisedPort`, `tls`, `httpPort`, `managementPort` and `managementHost`.',
    byDefault: 'the one that these describe',
    section: listening,
    options: listenerDocs,
  },
  ...accessDocs,
  socketRequestMaxBytes: {
    doc: 'Longest request, bytes; a longer one ends its connection. At most half of `queuedMaxRequestBytes`, or a 64th for requests other than Produce, whatever it says.',
    section: limits,
  },
  queuedMaxRequestBytes: {
    doc: "Memory for requests that have come or begun to come, and for answers that have not left, of all connections together, bytes. What finds none waits its turn. Kafka's bounds requests alone.",
    byDefault: "a quarter of the machine's or the container's memory, 64 MiB to 512 MiB",
    section: limits,
  },
  requestReceiveTimeout: {
    doc: 'A request that has begun to come and is not whole after so long ends its connection.',
    section: limits,
  },
  memoryWaitTimeout: {
    doc: 'How long a request or an answer waits for memory that others hold. Then a request ends its connection, and a fetch is answered without records.',
    section: limits,
  },
  slowConnectionGrace: {
    doc: 'When others have waited for memory for so long, the connections that have held it as long for a request that is not whole or an answer that is not read are closed, the slowest first, until the others are served.',
    section: limits,
  },
  maxFirstRequestBytes: {
    doc: 'Longest request of a connection before one was answered, bytes.',
    section: limits,
  },
  maxConnections: {
    doc: 'Connections at a time; more are closed at once.',
    section: limits,
  },
  maxInFlightRequests: {
    doc: 'Requests of one connection that are worked on at a time; reading stops there.',
    section: limits,
  },
  maxUnsentBytes: {
    doc: 'Answers of one connection that wait for a slow reader, bytes; no request is begun beyond, and the first answer to a fetch is no larger, unless one batch is.',
    section: limits,
  },
  connectionsMaxIdle: {
    doc: 'A connection that asks nothing for so long is closed.',
    section: limits,
  },
  closeTimeout: {
    doc: 'How long `close` waits for clients to take their last answers.',
    section: limits,
  },
  drainDelay: {
    doc: 'How long `close` goes on serving, while `/readyz` says that the server is about to stop, so that load balancers send new work elsewhere.',
    section: watching,
  },
  broker: {
    doc: 'Settings of the broker.',
    options: brokerDocs,
  },
  telemetry: {
    doc: 'Looks on at requests: `openTelemetryServer()` of `kafka-do/opentelemetry`, or one of your own.',
    byDefault: 'none',
  },
  logger: {
    doc: 'Receives structured log lines; a pino logger fits.',
    byDefault: 'none',
  },
  runtime: {
    doc: 'Clock, timers and randomness; for tests.',
  },
}

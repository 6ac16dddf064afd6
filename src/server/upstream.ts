/**
 * Another cluster behind this server's listeners, over one connection. A cluster that is down is no reason not to be there: whoever asks is told, until it is back.
 */

import type { Backend } from '../backend/backend.ts'
import type { Endpoint } from '../backend/endpoint.ts'
import type { HallGuard, Serve } from '../backend/hall.ts'
import type { Nodes } from '../backend/nodes.ts'
import type { Connection } from '../connection/connection.ts'
import { maskPassword, parseKafkaUrl } from '../connection/tcp/address.ts'
import { TcpConnection } from '../connection/tcp/tcp.ts'
import type { Metric } from '../core/metrics.ts'
import type { Runtime } from '../core/runtime.ts'
import {
  createDescribeClusterRequest,
  describeCluster,
} from '../protocol/messages/generated/describe-cluster.ts'
import { ConnectedNodes } from './connected-nodes.ts'
import { withOwnLogin } from './upstream-login.ts'

export { maskPassword }

export interface UpstreamOptions {
  /** `kafka://…` or `kafka+tls://…` */
  readonly url: string
  /** What errors call the URL. */
  readonly urlName: string
  /** Authorities to trust for `kafka+tls://`, PEM. */
  readonly ca: string | Uint8Array | undefined
  readonly runtime: Runtime
  readonly advertised: () => Endpoint
  /** Undefined: everybody may do everything. */
  readonly guard?: HallGuard
  /** Looks on at requests. Default: nobody does. */
  readonly trace?: ((next: Serve) => Serve) | undefined
}

/** An answer that takes longer is given up, unless the request says otherwise. */
const timeoutMs = 30_000

export class Upstream implements Nodes {
  readonly #connection: Connection
  readonly #nodes: ConnectedNodes
  #clusterId = ''

  /** Throws `ConfigError` for a URL that cannot be used. Connects to nothing yet. */
  constructor(options: UpstreamOptions) {
    const { url, urlName, ca, runtime, advertised, guard, trace } = options
    const { hasTls, bootstrap, sasl } = parseKafkaUrl(url, urlName)
    const tcp = new TcpConnection({
      url: maskPassword(url),
      bootstrap,
      clientId: 'kafka-do-gateway',
      runtime,
      timeoutMs,
      tls: hasTls ? { ca } : undefined,
      sasl,
    })
    this.#connection = withOwnLogin(tcp, runtime)
    this.#nodes = new ConnectedNodes({
      connection: this.#connection,
      runtime,
      advertised,
      guard,
      trace,
    })
  }

  /** Without a password. */
  get url(): string {
    return this.#connection.url
  }

  /** Empty until the cluster has been reached. */
  get clusterId(): string {
    return this.#clusterId
  }

  /** Asks who it is. Rejects when it cannot be reached. */
  async greet(): Promise<void> {
    const request = createDescribeClusterRequest()
    this.#clusterId = (await this.#connection.exchange(describeCluster, request)).clusterId
  }

  any(): Promise<Backend> {
    return this.#nodes.any()
  }

  node(nodeId: number): Promise<Backend> {
    return this.#nodes.node(nodeId)
  }

  /** Closing it leaves the cluster's connection open. */
  connectionOfServer(): Connection {
    const connection = this.#connection
    return {
      url: connection.url,
      exchange: (api, request, options) => connection.exchange(api, request, options),
      releaseLane: (lane) => connection.releaseLane(lane),
      close: () => Promise.resolve(),
    }
  }

  metrics(): Metric[] {
    return this.#nodes.metrics()
  }

  close(): Promise<void> {
    return this.#nodes.close()
  }
}

/** What the listeners of a server lead to: a broker on a data folder, or another cluster. */
import type { HallGuard } from '../backend/hall.ts'
import { type Nodes, oneNode } from '../backend/nodes.ts'
import type { ServerTelemetry } from '../backend/server-telemetry.ts'
import { tracedBy } from '../backend/traced.ts'
import { Broker } from '../broker/broker.ts'
import { BrokerState } from '../broker/broker-state.ts'
import type { BrokerConfig } from '../broker/config.ts'
import type { Connection } from '../connection/connection.ts'
import type { Metric } from '../core/metrics.ts'
import type { Runtime } from '../core/runtime.ts'
import type { FileSystem } from '../storage/file-system.ts'
import { createMemoryFileSystem } from '../storage/memory-file-system.ts'
import { createNodeFileSystem } from '../storage/node-file-system.ts'
import { connectionOfServer } from './access-setup.ts'
import { Upstream } from './upstream.ts'

export interface ServedConfig {
  readonly data: string
  readonly upstream: string | undefined
  readonly upstreamCa: string | Uint8Array | undefined
  readonly broker: BrokerConfig | undefined
  readonly runtime: Runtime
  readonly guard: HallGuard
  /** Undefined: nobody looks on. */
  readonly telemetry?: ServerTelemetry | undefined
  /** What errors call `upstream`. */
  readonly urlName: string
}

/** What the listeners lead to. */
export interface Served {
  readonly nodes: Nodes
  readonly clusterId: string
  metrics(): Metric[]
  /** How the broker here stands; undefined: there is another cluster. */
  readonly state: BrokerState | undefined
  /** The other cluster; undefined: there is a broker here. */
  readonly upstream: Upstream | undefined
  /** For the server's own requests, past the guard. Closing it leaves the nodes open. */
  connectionOfServer(): Connection
}

export async function openServed(config: ServedConfig): Promise<Served> {
  const { runtime, upstream: url, upstreamCa: ca, broker: settings, guard, telemetry } = config
  const trace = telemetry && tracedBy(telemetry)
  if (url !== undefined) {
    const advertised = () => ({ host: 'gateway', port: 0 })
    const upstream = new Upstream({
      ...{ guard, url, urlName: config.urlName, ca, runtime, advertised, trace },
    })
    await upstream.greet().catch((error: unknown) => {
      runtime.logger.warn(
        { err: error, upstream: upstream.url },
        'the cluster cannot be reached yet',
      )
    })
    return {
      nodes: upstream,
      get clusterId() {
        return upstream.clusterId
      },
      state: undefined,
      upstream,
      metrics: () => upstream.metrics(),
      connectionOfServer: () => upstream.connectionOfServer(),
    }
  }
  const broker = await Broker.open({
    fileSystem: fileSystemAt(config.data),
    runtime,
    guard,
    trace,
    ...(settings && { config: settings }),
  })
  const state = broker.inspect((services) => new BrokerState(services))
  return {
    nodes: oneNode(broker),
    clusterId: broker.clusterId,
    state,
    upstream: undefined,
    metrics: () => [...broker.metrics(), ...state.metrics()],
    connectionOfServer: () => connectionOfServer(broker, runtime),
  }
}

function fileSystemAt(data: string): FileSystem {
  return data === 'memory:' ? createMemoryFileSystem() : createNodeFileSystem(data)
}

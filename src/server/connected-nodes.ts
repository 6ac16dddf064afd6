/** The nodes of a cluster that is reached over a connection: a `ClusterBackend` for each, opened when it is first asked for. */
import type { Backend } from '../backend/backend.ts'
import type { Endpoint } from '../backend/endpoint.ts'
import type { HallGuard, Serve } from '../backend/hall.ts'
import type { Nodes } from '../backend/nodes.ts'
import type { Connection } from '../connection/connection.ts'
import type { Metric } from '../core/metrics.ts'
import type { Runtime } from '../core/runtime.ts'
import { ClusterBackend } from './cluster-backend.ts'

export interface ConnectedNodesOptions {
  /** Closed with the nodes. */
  readonly connection: Connection
  readonly runtime: Runtime
  readonly advertised: () => Endpoint
  /** Undefined: everybody may do everything. */
  readonly guard?: HallGuard | undefined
  /** Sees every request before the guard does. */
  readonly trace?: ((next: Serve) => Serve) | undefined
}

export class ConnectedNodes implements Nodes {
  readonly #options: ConnectedNodesOptions
  readonly #backends = new Map<number | undefined, Promise<ClusterBackend>>()
  readonly #opened: ClusterBackend[] = []

  /** Connects to nothing yet. */
  constructor(options: ConnectedNodesOptions) {
    this.#options = options
  }

  any(): Promise<Backend> {
    return this.#backend(undefined)
  }

  node(nodeId: number): Promise<Backend> {
    return this.#backend(nodeId)
  }

  metrics(): Metric[] {
    return this.#opened[0]?.metrics() ?? []
  }

  close(): Promise<void> {
    return this.#options.connection.close()
  }

  #backend(nodeId: number | undefined): Promise<ClusterBackend> {
    const known = this.#backends.get(nodeId)
    if (known) return known
    const { connection, runtime, advertised, guard, trace } = this.#options
    const opening = ClusterBackend.open({
      ...{ connection, nodeId, runtime, endpointOf: advertised, trace },
      ...(guard && { guard }),
    })
    this.#backends.set(nodeId, opening)
    opening.then(
      (backend) => this.#opened.push(backend),
      () => this.#backends.delete(nodeId),
    )
    return opening
  }
}

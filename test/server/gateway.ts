/** A Kafka listener in front of a cluster that is reached over TCP: what comes in here goes there. */
import { TcpConnection } from '../../src/connection/tcp/tcp.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import {
  createDescribeClusterRequest,
  describeCluster,
} from '../../src/protocol/messages/generated/describe-cluster.ts'
import { ClusterBackend } from '../../src/server/cluster-backend.ts'
import { KafkaListener } from '../../src/server/kafka-listener.ts'
import { MemoryBudget } from '../../src/server/memory-budget.ts'
import { resolveServerConfig } from '../../src/server/server-config.ts'
import { ServerMetrics } from '../../src/server/server-metrics.ts'

export interface Gateway {
  readonly backend: ClusterBackend
  readonly listener: KafkaListener
  readonly url: string
  readonly bootstrap: string
  close(): Promise<void>
}

/** In front of the one node of the cluster at `port` of this machine. */
export async function openGateway(port: number): Promise<Gateway> {
  const runtime = createRuntime()
  const connection = new TcpConnection({
    url: `kafka://127.0.0.1:${port}`,
    bootstrap: [{ host: '127.0.0.1', port }],
    clientId: 'gateway',
    runtime,
    timeoutMs: 30_000,
  })
  const { brokers } = await connection.exchange(describeCluster, createDescribeClusterRequest())
  const backend = await ClusterBackend.open({ connection, nodeId: brokers[0]!.brokerId, runtime })
  const limits = resolveServerConfig({})
  const listener = await KafkaListener.open({
    name: 'gateway',
    backend,
    runtime,
    limits,
    budget: new MemoryBudget(runtime, limits),
    metrics: new ServerMetrics().of('gateway'),
    tls: undefined,
    host: '127.0.0.1',
    port: 0,
    advertised: (listened) => ({ host: '127.0.0.1', port: listened }),
  })
  const bootstrap = `127.0.0.1:${listener.port}`
  return {
    backend,
    listener,
    bootstrap,
    url: `kafka://${bootstrap}`,
    async close() {
      listener.stopAccepting()
      await backend.close()
      await listener.ended()
    },
  }
}

/** All metrics that `/metrics` can have, as the source declares them: asked of a server's parts before anything was counted. */
import { oneNode } from '../../src/backend/nodes.ts'
import { Broker } from '../../src/broker/broker.ts'
import { BrokerState } from '../../src/broker/broker-state.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { connectionOfServer, createGuard } from '../../src/server/access-setup.ts'
import type { MetricFamily } from '../../src/server/management/exposition.ts'
import { Management } from '../../src/server/management/management.ts'
import { MemoryBudget } from '../../src/server/memory-budget.ts'
import { resolveServerConfig } from '../../src/server/server-config.ts'
import { ServerMetrics } from '../../src/server/server-metrics.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'

export async function metricFamilies(): Promise<readonly MetricFamily[]> {
  const runtime = createRuntime()
  const config = resolveServerConfig({ data: 'memory:', access: 'keys' })
  const guard = (await createGuard(config, runtime))!
  const broker = await Broker.open({ fileSystem: createMemoryFileSystem(), runtime, guard })
  const state = broker.inspect((services) => new BrokerState(services))
  const budget = new MemoryBudget(runtime, config)
  const counted = new ServerMetrics()
  const management = new Management({
    runtime,
    metrics: () => counted.read([], budget),
    maxMetricSeries: () => config.maxMetricSeries,
  })
  management.serving(
    {
      nodes: oneNode(broker),
      clusterId: broker.clusterId,
      state,
      upstream: undefined,
      metrics: () => [...broker.metrics(), ...state.metrics()],
      connectionOfServer: () => connectionOfServer(broker, runtime),
    },
    undefined,
  )
  try {
    return await management.collect()
  } finally {
    await management.closed()
    await broker.close()
  }
}

/** How stores are filled from their changelogs. */
import { expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { resolveConsumerConfig } from '../../src/client/consumer/consumer-config.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { json, type Serializer, string } from '../../src/index.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { Restorer } from '../../src/streams/runtime/restorer.ts'
import { KeyValueStore } from '../../src/streams/stores/key-value-store.ts'
import { Undo } from '../../src/streams/task/undo.ts'

const spec = {
  kind: 'key-value',
  name: 'totals',
  key: string as Serializer<unknown>,
  value: json(),
  changelog: 'own',
} as const

test('a task that comes back while it is still being restored is restored from the same changelog', async () => {
  const runtime = createRuntime()
  const connection = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem: createMemoryFileSystem(), runtime }),
  )
  const config = resolveClientConfig({ url: 'memory:', runtime }, {})
  const client = new BaseClient(config, connection)
  await client.admin.createTopic('changelog', { partitions: 1 })
  for (let n = 0; n < 10; n++) await client.produce('changelog', n, { key: `k${n}` })
  const cluster = new Cluster(connection, config)
  const closing = new AbortController()
  const restorer = new Restorer(cluster, resolveConsumerConfig({}), closing.signal)

  const stores = [0, 1, 2].map(() => new KeyValueStore(spec, new Undo()))
  const froms = [undefined, undefined, 5n]
  const restored = stores.map((store, i) =>
    restorer.restore([{ topic: 'changelog', partition: 0, store, from: froms[i] }]),
  )
  expect(await Promise.all(restored)).toEqual([10, 10, 5])
  expect(stores.map(({ size }) => size)).toEqual([10, 10, 5])
  restorer.close()
  closing.abort()
  await client.close()
})

/** Two clients of one broker in this process, on a clock that the test moves: what one does the other must find out. */
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { TestClock } from '../../src/testing/test-clock.ts'

export interface TwoClients {
  readonly clock: TestClock
  readonly kafka: BaseClient
  readonly other: BaseClient
  close(): Promise<void>
}

export async function openTwoClients(): Promise<TwoClients> {
  const clock = new TestClock()
  const broker = await Broker.open({ fileSystem: createMemoryFileSystem(), runtime: clock })
  // Each closes its connection; the broker is the test's.
  const backend = {
    apis: broker.apis,
    servedApi: broker.servedApi.bind(broker),
    handle: broker.handle.bind(broker),
    close: () => Promise.resolve(),
  }
  const open = (name: string) =>
    new BaseClient(
      resolveClientConfig({ url: 'memory:', runtime: clock, clientId: name }, {}),
      new EmbeddedConnection('memory:', name, clock, () => Promise.resolve(backend)),
    )
  const [kafka, other] = [open('one'), open('other')]
  return {
    clock,
    kafka,
    other,
    async close() {
      await Promise.all([kafka.close(), other.close()])
      await broker.close()
    },
  }
}

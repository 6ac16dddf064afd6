/** Tasks are opened with state and offsets of the same commit, whoever commits meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import type { Connection, ExchangeOptions } from '../../src/connection/connection.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { ComposedClient } from '../../src/entry/client.ts'
import type { Api } from '../../src/protocol/api.ts'
import { offsetFetch } from '../../src/protocol/messages/generated/offset-fetch.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'

import { StreamApplication } from '../../src/streams/runtime/stream-application.ts'
import type { StreamsConfig } from '../../src/streams/streams-config.ts'

const runtime = createRuntime()

/** Whose first question for the offsets of a task is answered as the very first one was. */
class OldAnswers implements Connection {
  readonly url = 'kafka://old'
  #inner: Connection
  #first: unknown
  /** To be answered by the first answer. */
  repeats = 0
  /** They are answered after this. */
  heldBy: Promise<void> | undefined

  constructor(inner: Connection) {
    this.#inner = inner
  }

  async exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options?: ExchangeOptions,
  ): Promise<R> {
    const answer = await this.#inner.exchange(api, request, options)
    if ((api as unknown) !== offsetFetch || !isStable(request)) return answer
    await this.heldBy
    this.#first ??= answer
    return this.repeats-- > 0 ? (this.#first as R) : answer
  }

  releaseLane(lane: string): void {
    this.#inner.releaseLane(lane)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

/** A task asks so, but not a look at what the group has. */
function isStable(request: unknown): boolean {
  const asked = typeof request === 'function' ? request(offsetFetch.maxVersion) : request
  return asked.requireStable
}

function open() {
  const embedded = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem: createMemoryFileSystem(), runtime }),
  )
  const connection = new OldAnswers(embedded)
  const config = resolveClientConfig({ url: 'memory:', runtime }, {})
  const kafka = new ComposedClient({ config, connection })
  const start = (state: StreamsConfig['state'] = 'memory') => {
    const app = kafka.streams({ app: 'app', commitInterval: 1, state })
    const totals = app.stream<number>('in').groupByKey()
    totals.reduce(0, (total, n) => total + n, { store: 'totals' }).to('out')
    return app.start()
  }
  return { kafka, connection, start }
}

test('a process that stood still between the offsets and the state asks for both anew', async () => {
  const { kafka, connection, start } = open()
  await kafka.admin.createTopic('in', { partitions: 1 })
  const first = await start()
  await kafka.produce('in', 1, { key: 'a' })
  await expect.poll(() => first.store('totals').get('a')).toBe(1)
  await first.close()

  connection.repeats = 1
  const second = await start()
  expect(connection.repeats).toBeLessThan(0)
  await kafka.produce('in', 2, { key: 'a' })
  await expect.poll(() => second.store('totals').get('a')).toBe(3)
  await second.close()
  await kafka.close()
})

test('a task whose offsets were deleted is refused', async () => {
  const { kafka, start } = open()
  await kafka.admin.createTopic('in', { partitions: 1 })
  const first = await start()
  await kafka.produce('in', 1, { key: 'a' })
  await expect.poll(() => first.store('totals').get('a')).toBe(1)
  await first.close()
  await kafka.admin.deleteGroup('app')
  await expect(start()).rejects.toMatchObject({ code: 'STREAM_STATE_WITHOUT_OFFSETS' })
  await kafka.close()
})

test('a task that is being opened lacks no more of its state than its files do', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kafka-do-task-opener-'))
  const { kafka, connection, start } = open()
  await kafka.admin.createTopic('in', { partitions: 1 })
  const first = await start({ dir })
  await kafka.produce('in', 1, { key: 'a' })
  await expect.poll(() => first.store('totals').get('a')).toBe(1)
  await first.close()

  let release!: () => void
  connection.heldBy = new Promise((resolve) => {
    release = resolve
  })
  const asked = vi.spyOn(StreamApplication.prototype, 'lags')
  const starting = start({ dir })
  const restoring = () => {
    const [application] = asked.mock.contexts as StreamApplication[]
    return application?.metrics().tasksByState.restoring === 1 ? application : undefined
  }
  await expect.poll(() => restoring()).toBeDefined()
  // The mark of the transaction's end is an entry, too, as far as anybody can tell.
  expect(restoring()!.lags().get('0_0')).toBeLessThanOrEqual(1)
  release()
  await (await starting).close()
  await kafka.close()
  asked.mockRestore()
  rmSync(dir, { recursive: true })
})

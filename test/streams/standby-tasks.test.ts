/** Copies of state that are kept in files. */
import { expect, test } from 'vitest'
import { Cluster } from '../../src/client/cluster.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { resolveConsumerConfig } from '../../src/client/consumer/consumer-config.ts'
import { Patience } from '../../src/client/consumer/patience.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { DisconnectedError } from '../../src/index.ts'
import { LocalState } from '../../src/streams/runtime/local-state.ts'
import { patiently } from '../../src/streams/runtime/patiently.ts'
import type { Plan } from '../../src/streams/runtime/plan.ts'
import { StandbyTasks } from '../../src/streams/runtime/standby-tasks.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { turns } from '../client/slow-connection.ts'

test('a broker that is away while the files of a copy are opened is waited for', async () => {
  const runtime = new ManualRuntime()
  const connection = new EmbeddedConnection('memory:', 'test', runtime, () => {
    throw new Error('nothing is asked here')
  })
  const cluster = new Cluster(connection, resolveClientConfig({ url: 'memory:', runtime }, {}))
  const { signal } = new AbortController()
  const patience = new Patience({ runtime, giveUpAfterMs: undefined, group: 'app' })
  const failures: unknown[] = []
  let isAway = true
  let tries = 0
  const local = {
    async open() {
      tries++
      if (isAway)
        throw new DisconnectedError('away', { code: 'NETWORK_EXCEPTION', retriable: true })
      return { task: { stores: new Map() }, files: undefined }
    },
  } as unknown as LocalState
  const standbys = new StandbyTasks({
    cluster,
    consumer: resolveConsumerConfig({}),
    plan: () => ({ tasks: [{ id: '0_0' }], topology: {} }) as unknown as Plan,
    maxLag: 0,
    newTask: () => {
      throw new Error('it has files')
    },
    local,
    whenFree: () => free,
    patiently: (work) => patiently({ runtime, patience, signal }, work),
    caughtUp: () => undefined,
    failed: (error) => failures.push(error),
  })
  let release!: () => void
  const free = new Promise<void>((resolve) => {
    release = resolve
  })
  standbys.keep(['0_0'], [])
  await turns(2)
  // The task still runs here.
  expect(tries).toBe(0)
  release()
  await turns(2)
  expect([tries, standbys.size, failures]).toEqual([1, 0, []])
  isAway = false
  runtime.advance(1000)
  await turns(2)
  expect([tries, standbys.size, failures]).toEqual([2, 1, []])
  standbys.close()
})

test('files of a copy that is no longer wanted are not opened: they may be those of a task that runs by then', async () => {
  const opened: string[] = []
  const local = new LocalState({
    cluster: undefined as never,
    plan: () => ({ topology: {} }) as never,
    dir: { openTask: async (id: string) => opened.push(id) } as never,
    newTask: () => undefined as never,
  })
  const planned = { id: '0_0', subTopology: { stores: [] } } as never
  await expect(local.open(planned, undefined, () => false)).rejects.toMatchObject({
    code: 'ILLEGAL_GENERATION',
  })
  expect(opened).toEqual([])
})

import { expect, test } from 'vitest'
import { ManualRuntime } from '../../test/broker/manual-runtime.ts'
import type { Connection } from '../connection/connection.ts'
import { DisconnectedError, TimeoutError } from '../core/errors.ts'
import { Cluster } from './cluster.ts'
import { resolveClientConfig } from './config.ts'

test('what a try says that was cut short at the end does not hide why the one before it failed', async () => {
  const runtime = new ManualRuntime()
  const config = resolveClientConfig({ url: 'kafka://127.0.0.1:1' }, {})
  const cluster = new Cluster({} as Connection, { ...config, runtime, timeout: 300 })
  const refused = new DisconnectedError('connect ECONNREFUSED', {
    code: 'NETWORK_EXCEPTION',
    retriable: true,
  })
  let tries = 0
  const failed = cluster
    .retrying('list topics', {}, async ({ timeoutMs }) => {
      if (++tries === 1) {
        setImmediate(() => runtime.advance(200))
        throw refused
      }
      runtime.advance(timeoutMs)
      throw new TimeoutError('no connection within some ms', {
        code: 'REQUEST_TIMED_OUT',
        retriable: true,
      })
    })
    .catch((error: unknown) => error)
  expect(await failed).toMatchObject({
    message: 'Could not list topics within 300 ms (2 tries); last: connect ECONNREFUSED',
    cause: refused,
  })
})

/** A broker that accepts everything and answers nothing any more: `close()` ends all the same, whatever `timeout` is. */
import { type AddressInfo, connect, createServer as createProxy, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/index.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A served broker behind a proxy that can stop passing anything on. */
async function openFreezable() {
  const sockets = new Set<Socket>()
  let target = 0
  const proxy = createProxy((near) => {
    const far = connect(target, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    }
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as AddressInfo
  const server = await createServer({ data: 'memory:', port: 0, advertisedPort: port })
  target = server.port
  ends.push(
    () => server.close(),
    () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => proxy.close(resolve))
    },
  )
  const freeze = () => {
    for (const socket of sockets) socket.unpipe().pause()
  }
  return { url: `kafka://127.0.0.1:${port}`, freeze }
}

test.each([
  ['with a group', { group: 'g' }],
  ['without a group', {}],
])('a client with a consumer %s closes', async (_kind, config) => {
  const { url, freeze } = await openFreezable()
  const kafka = new Client({ url, timeout: '1h' })
  await kafka.produce('orders', 1)
  let value: unknown
  const reading = kafka.consume('orders', { ...config, closeTimeout: 200 }, (record) => {
    value = record.value
    freeze()
    void kafka.close()
  })
  await reading
  expect(value).toBe(1)
  await kafka.close()
})

/** HTTPS: with the server's certificate, and with one that is not trusted. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { testCert, testKey } from '../server/test-certificate.ts'

let server: Server
beforeAll(async () => {
  server = await createServer({
    data: 'memory:',
    port: 0,
    httpPort: 0,
    tls: { cert: testCert, key: testKey },
  })
})
afterAll(() => server?.close())

test.each([
  ['keys, for others than this machine', { access: 'keys', host: '0.0.0.0' }, 1],
  ['keys, for this machine', { access: 'keys', host: '127.0.0.1' }, 0],
  [
    'keys, with a certificate',
    { access: 'keys', host: '0.0.0.0', tls: { cert: testCert, key: testKey } },
    0,
  ],
  ['no keys', { allowAnonymous: true, host: '0.0.0.0' }, 0],
] as const)('whoever could read keys on their way is warned of: %s', async (_, config, count) => {
  const warned: string[] = []
  const silent = () => undefined
  const logger = {
    ...{ debug: silent, info: silent, error: silent },
    warn: (_: object, message: string) => void warned.push(message),
  }
  const own = await createServer({ data: 'memory:', port: 0, httpPort: 0, logger, ...config })
  await own.close()
  expect(
    warned.filter((one) => one.includes('are sent unencrypted over the network')),
  ).toHaveLength(count)
})

test('a client that trusts the certificate produces and consumes', async () => {
  expect(server.httpUrl).toMatch(/^https:/)
  await using kafka = new Client({
    url: server.httpUrl!,
    tls: { ca: testCert, serverName: 'localhost' },
  })
  await kafka.produce('orders', 1)
  for await (const { value } of kafka.consumer('orders', { group: 'g' })) {
    expect(value).toBe(1)
    break
  }
})

test.each([
  ['with those that the machine trusts', undefined],
  ['with certificates of its own choice', { serverName: 'localhost' }],
])('one that does not is told so: %s', async (_, tls) => {
  await using kafka = new Client({ url: server.httpUrl!, ...(tls && { tls }), retries: 0 })
  await expect(kafka.produce('orders', 1)).rejects.toMatchObject({
    name: 'UnauthorizedError',
    code: 'TLS_CERTIFICATE_REFUSED',
    outcome: 'failed',
  })
})

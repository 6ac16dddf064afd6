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

/** The management listener: health, metrics, and whoever asks it something else. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type RequestOptions, request } from 'node:http'
import { request as requestTls } from 'node:https'
import { connect, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { oneNode } from '../../src/backend/nodes.ts'
import { Broker } from '../../src/broker/broker.ts'
import { BrokerState } from '../../src/broker/broker-state.ts'
import { buildMarker } from '../../src/broker/log/control-record.ts'
import { createRuntime, type Runtime } from '../../src/core/runtime.ts'
import { Client } from '../../src/index.ts'
import { connectionOfServer } from '../../src/server/access-setup.ts'
import type { MetricFamily } from '../../src/server/management/exposition.ts'
import { Health } from '../../src/server/management/health.ts'
import { Management } from '../../src/server/management/management.ts'
import { ManagementListener } from '../../src/server/management/management-listener.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { ServerMetrics } from '../../src/server/server-metrics.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { FaultyFileSystem } from '../broker/faulty-file-system.ts'
import { freePorts } from '../kafka/free-port.ts'
import { testCert, testKey } from '../server/test-certificate.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function serve(config: ServerConfig = {}): Promise<Server & { managementUrl: string }> {
  const server = await createServer({ data: 'memory:', port: 0, managementPort: 0, ...config })
  open.push(server)
  return server as Server & { managementUrl: string }
}

function clientOf(server: Server): Client {
  const kafka = new Client(server.url)
  open.push(kafka)
  return kafka
}

async function scrape(server: Server): Promise<string> {
  const response = await fetch(`${server.managementUrl}/metrics`)
  expect(response.status).toBe(200)
  return response.text()
}

/** Reads so many records of the first partition for a group, and commits. */
async function consumeFrom(kafka: Client, group: string, count: number): Promise<void> {
  const partitions = [{ topic: 'orders', partition: 0 }]
  await using consumer = kafka.consumer('orders', { group, partitions })
  await consumer.take(count).toArray()
}

/** Lines of a sample, without comments. */
function sample(text: string, start: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${start} `))
  return line === undefined ? undefined : Number(line.slice(start.length + 1))
}

/** Scrapes are told again for a second; waits for one of later. */
async function scrapeUntil(server: Server, isThere: (text: string) => boolean): Promise<string> {
  let text = ''
  const isFound = async () => {
    text = await scrape(server)
    return isThere(text)
  }
  await expect.poll(isFound, { timeout: 20_000 }).toBe(true)
  return text
}

describe('health', () => {
  test('a server that serves lives and is ready', async () => {
    const server = await serve()
    const { managementUrl: url } = server
    expect(await (await fetch(`${url}/livez`)).text()).toBe('ok\n')
    expect(await (await fetch(`${url}/readyz`)).text()).toBe('ok\n')
    const response = await fetch(`${url}/readyz?verbose`)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({
      status: 'ok',
      phase: 'serving',
      checks: [
        { name: 'serving', status: 'ok' },
        { name: 'log', status: 'ok', more: { partitions: 3, offline: 0 } },
        { name: 'disk', status: 'ok' },
      ],
    })
  })

  test('one that is about to stop says so first, and goes on serving meanwhile', async () => {
    const real = createRuntime()
    let isOver: (() => void) | undefined
    const runtime: Runtime = {
      ...real,
      setTimer(delayMs, fn, options) {
        if (delayMs !== 3_600_000) return real.setTimer(delayMs, fn, options)
        isOver = fn
        return { cancel: () => undefined }
      },
    }
    const server = await serve({ drainDelay: '1h', runtime })
    const kafka = clientOf(server)
    await kafka.produce('orders', 1)
    const closed = server.close()
    const response = await fetch(`${server.managementUrl}/readyz`)
    expect([response.status, await response.text()]).toEqual([
      503,
      'draining: the server is about to stop: send new work elsewhere\n',
    ])
    expect((await fetch(`${server.managementUrl}/livez`)).status).toBe(200)
    await kafka.produce('orders', 2)
    await kafka.close()
    isOver!()
    await closed
    await expect(fetch(`${server.managementUrl}/livez`)).rejects.toThrow()
  })
})

describe('metrics', () => {
  test.each([
    ['gzip', true],
    ['deflate, gzip;q=0.5', true],
    ['*', true],
    ['gzip;q=0', false],
    ['identity', false],
  ])('for who takes %j they are zipped: %s', async (accepted, isZipped) => {
    const server = await serve()
    const asked = request(`${server.managementUrl}/metrics`, {
      headers: { 'accept-encoding': accepted },
    }).end()
    const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
    const body = Buffer.concat(await response.toArray())
    expect([response.headers['content-encoding'], response.headers.vary]).toEqual([
      isZipped ? 'gzip' : undefined,
      'accept-encoding',
    ])
    const text = (isZipped ? gunzipSync(body) : body).toString()
    expect(sample(text, 'kafka_brokers')).toBe(1)
    expect(text.length).toBeGreaterThan(isZipped ? 4 * body.length : body.length - 1)
  })

  test("kafka_exporter's names, labels and values", async () => {
    const server = await serve()
    const kafka = clientOf(server)
    await kafka.admin.createTopic('orders', { partitions: 2 })
    for (let i = 0; i < 5; i++) await kafka.produce('orders', i, { partition: 0 })
    await consumeFrom(kafka, 'billing "1"', 3)
    const text = await scrapeUntil(server, (one) => one.includes('consumergroup_lag'))
    expect(sample(text, 'kafka_brokers')).toBe(1)
    expect(text).toMatch(/^kafka_broker_info\{id="1",address="127\.0\.0\.1:\d+"\} 1$/m)
    expect(sample(text, 'kafka_topic_partitions{topic="orders"}')).toBe(2)
    const first = '{topic="orders",partition="0"}'
    expect(sample(text, `kafka_topic_partition_current_offset${first}`)).toBe(5)
    expect(sample(text, `kafka_topic_partition_oldest_offset${first}`)).toBe(0)
    expect(sample(text, `kafka_topic_partition_in_sync_replica${first}`)).toBe(1)
    expect(sample(text, `kafka_topic_partition_leader${first}`)).toBe(1)
    expect(sample(text, `kafka_topic_partition_leader_is_preferred${first}`)).toBe(1)
    expect(sample(text, `kafka_topic_partition_replicas${first}`)).toBe(1)
    expect(sample(text, `kafka_topic_partition_under_replicated_partition${first}`)).toBe(0)
    const group = 'consumergroup="billing \\"1\\"",topic="orders"'
    expect(sample(text, `kafka_consumergroup_current_offset{${group},partition="0"}`)).toBe(3)
    expect(sample(text, `kafka_consumergroup_lag{${group},partition="0"}`)).toBe(2)
    expect(sample(text, `kafka_consumergroup_lag{${group},partition="1"}`)).toBe(-1)
    expect(sample(text, `kafka_consumergroup_current_offset_sum{${group}}`)).toBe(3)
    expect(sample(text, `kafka_consumergroup_lag_sum{${group}}`)).toBe(2)
    expect(sample(text, 'kafka_consumergroup_members{consumergroup="billing \\"1\\""}')).toBe(0)
    expect(sample(text, `kafkado_consumergroup_unread_seconds{${group}}`)).toBeGreaterThanOrEqual(0)
    expect(sample(text, 'kafkado_groups{state="Empty"}')).toBe(1)
    expect(sample(text, 'kafkado_topic_bytes{topic="orders"}')).toBeGreaterThan(100)
  })

  test('counts of requests, errors, connections, HTTP and the process', async () => {
    const server = await serve({ httpPort: 0 })
    const kafka = clientOf(server)
    await kafka.produce('orders', 1)
    await expect(kafka.admin.createTopic('orders')).rejects.toThrow('exists')
    await fetch(`${server.httpUrl}/v1/topics/orders/records`)
    await fetch(`${server.httpUrl}/nowhere`)
    const text = await scrape(server)
    expect(sample(text, 'kafkado_request_seconds_count{api="Produce"}')).toBe(1)
    expect(text).toContain('# TYPE kafkado_request_seconds histogram\n')
    const error = 'api="CreateTopics",error="TOPIC_ALREADY_EXISTS"'
    expect(sample(text, `kafkado_request_errors_total{${error}}`)).toBe(1)
    expect(sample(text, 'kafkado_connections{listener="kafka"}')).toBeGreaterThan(0)
    expect(sample(text, 'kafkado_connections{listener="management"}')).toBeGreaterThan(0)
    expect(sample(text, 'kafkado_received_bytes_total{listener="http"}')).toBeGreaterThan(100)
    const http = 'kafkado_http_requests_total'
    expect(sample(text, `${http}{route="readRecords",status="200"}`)).toBe(1)
    expect(sample(text, `${http}{route="none",status="404"}`)).toBe(1)
    expect(sample(text, 'kafkado_memory_bytes{kind="resident"}')).toBeGreaterThan(1e7)
    expect(
      sample(text, 'kafkado_event_loop_delay_seconds{percentile="100"}'),
    ).toBeGreaterThanOrEqual(0)
    expect(text).toMatch(/^kafkado_build_info\{version="\d+\.\d+\.\d+",runtime="\w+ \S+"\} 1$/m)
  })

  test('OpenMetrics for who asks for it', async () => {
    const server = await serve()
    await clientOf(server).produce('orders', 1)
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.3'
    const response = await fetch(`${server.managementUrl}/metrics`, { headers: { accept } })
    expect(response.headers.get('content-type')).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    )
    const text = await response.text()
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    expect(text).toContain('# TYPE kafkado_cpu_seconds counter\nkafkado_cpu_seconds_total ')
  })

  test('how old the next record of a group is, also of records from before the start', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-management-'))
    try {
      const first = await createServer({ data: folder, port: 0 })
      const kafka = new Client(first.url)
      const at = Date.now()
      for (const agoMs of [90_000, 60_000, 0])
        await kafka.produce('orders', agoMs, { timestamp: at - agoMs })
      await consumeFrom(kafka, 'slow', 1)
      await consumeFrom(kafka, 'fast', 3)
      await kafka.close()
      await first.close()
      const server = await serve({ data: folder })
      const slow = '{consumergroup="slow",topic="orders"}'
      const lag = `kafkado_consumergroup_lag_seconds${slow}`
      const text = await scrapeUntil(server, (one) => one.includes(lag))
      expect(sample(text, lag)).toBe(60)
      const unread = sample(text, `kafkado_consumergroup_unread_seconds${slow}`)!
      expect(unread).toBeGreaterThanOrEqual(60)
      expect(unread).toBeLessThan(600)
      const fast = '{consumergroup="fast",topic="orders"}'
      expect(sample(text, `kafkado_consumergroup_lag_seconds${fast}`)).toBe(0)
      expect(sample(text, `kafkado_consumergroup_unread_seconds${fast}`)).toBe(0)
      expect(sample(text, 'kafkado_disk_free_bytes')).toBeGreaterThan(0)
    } finally {
      for (const one of open.splice(0).reverse()) await one.close()
      await rm(folder, { recursive: true, force: true })
    }
  })

  test('what is beyond maxMetricSeries is summed, and said to be', async () => {
    // A topic of one partition takes 9 of the half; a group with one such topic takes 7.
    const server = await serve({ maxMetricSeries: 36 })
    const kafka = clientOf(server)
    for (const topic of ['orders', 'a', 'b', 'c']) await kafka.admin.createTopic(topic)
    for (let i = 0; i < 4; i++) await kafka.produce('orders', i)
    for (const group of ['first', 'second', 'third', '(other)']) await consumeFrom(kafka, group, 1)
    const text = await scrape(server)
    expect(sample(text, 'kafkado_max_metric_series')).toBe(36)
    // Beside the broker's own two, only two of the six fit, by name.
    expect(sample(text, 'kafkado_topics')).toBe(6)
    expect(sample(text, 'kafkado_summed_topics')).toBe(4)
    expect(sample(text, 'kafka_topic_partitions{topic="(other)"}')).toBe(4)
    const rest = '{topic="(other)",partition="(other)"}'
    expect(sample(text, `kafka_topic_partition_replicas${rest}`)).toBe(4)
    expect(text).not.toMatch(/kafka_topic_partition_leader\{topic="\(other\)"/)
    expect(sample(text, 'kafkado_summed_groups')).toBe(2)
    expect(text.match(/^kafka_consumergroup_members\{.*$/gm)).toEqual([
      'kafka_consumergroup_members{consumergroup="first"} 0',
      'kafka_consumergroup_members{consumergroup="second"} 0',
      'kafka_consumergroup_members{consumergroup="(other)"} 0',
    ])
    const lags = [...text.matchAll(/^kafka_consumergroup_lag\{.*\} (\d+)$/gm)]
    expect(lags.reduce((sum, [, lag]) => sum + Number(lag), 0)).toBe(12)
    const lines = text.split('\n').filter((line) => line !== '')
    expect(new Set(lines).size).toBe(lines.length)
  })

  test('are gathered once for all who ask together', async () => {
    const server = await serve()
    await clientOf(server).produce('orders', 1)
    const texts = await Promise.all(Array.from({ length: 20 }, () => scrape(server)))
    const took = texts.map((text) => sample(text, 'kafkado_collection_seconds'))
    expect(new Set(took).size).toBe(1)
  })
})

describe('low disk', () => {
  test('refuses writes, serves reads, and is seen: degraded, and still ready', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-management-'))
    try {
      const first = await createServer({ data: folder, port: 0 })
      await using earlier = new Client(first.url)
      await earlier.produce('orders', 1)
      await earlier.close()
      await first.close()
      const server = await serve({ data: folder, broker: { diskReserve: 2 ** 50 } })
      const response = await fetch(`${server.managementUrl}/readyz?verbose`)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({
        status: 'degraded',
        checks: [{}, {}, { name: 'disk', status: 'degraded', more: { reserveBytes: 2 ** 50 } }],
      })
      expect(await (await fetch(`${server.managementUrl}/readyz`)).text()).toMatch(
        /^disk: there is less free space than diskReserve/,
      )
      const kafka = clientOf(server)
      await using producer = kafka.producer('orders', { retries: 0 })
      await expect(producer.send(2)).rejects.toThrow(/diskReserve.*reads.*continue/)
      expect(await kafka.consumer('orders').take(1).toArray()).toHaveLength(1)
      const text = await scrape(server)
      expect(sample(text, 'kafkado_disk_shortage_state{state="low"}')).toBe(1)
      expect(sample(text, 'kafkado_disk_reserve_bytes')).toBe(2 ** 50)
      const error = 'api="Produce",error="KAFKA_STORAGE_ERROR"'
      expect(sample(text, `kafkado_request_errors_total{${error}}`)).toBe(1)
    } finally {
      for (const one of open.splice(0).reverse()) await one.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

describe('a disk that fails', () => {
  test('is told of: partitions that are offline, and what cannot be read is left out', async () => {
    const disk = new FaultyFileSystem(createMemoryFileSystem())
    const runtime = createRuntime()
    const broker = await Broker.open({ fileSystem: disk, runtime })
    const state = broker.inspect((services) => new BrokerState(services))
    const metrics = new ServerMetrics()
    const management = new Management({ runtime, metrics: () => [], maxMetricSeries: () => 1000 })
    const listener = await management.openListener(
      {
        kind: 'management',
        name: 'x',
        host: '127.0.0.1',
        port: 0,
        tls: undefined,
        advertised: undefined,
      },
      metrics.of('x'),
    )
    const served = {
      nodes: oneNode(broker),
      clusterId: '',
      state,
      upstream: undefined,
      metrics: () => [...broker.metrics(), ...state.metrics()],
      connectionOfServer: () => connectionOfServer(broker, runtime),
    }
    management.serving(served, undefined)
    try {
      const { status } = await fetch(`${listener.url}/readyz`)
      expect(status).toBe(200)
      const [log] = (await state.topic('__consumer_offsets'))!.partitions
      disk.failSyncs = true
      log!.append(buildMarker({ producerId: 1n, producerEpoch: 0 }, 'commit', 0, 0), 'broker')
      await expect(log!.whenSynced()).rejects.toThrow('offline')
      const response = await fetch(`${listener.url}/readyz`)
      expect([response.status, await response.text()]).toEqual([
        200,
        'log: the disk has failed for 1 of 3 partitions, which are offline: check the disk, then restart\n',
      ])
      // Not even asked how full it is does it answer.
      disk.space = () => {
        throw new Error('the disk does not answer')
      }
      const text = await (await fetch(`${listener.url}/metrics`)).text()
      const where = '{topic="__consumer_offsets",partition="0"}'
      expect(sample(text, `kafka_topic_partition_under_replicated_partition${where}`)).toBe(1)
      expect(sample(text, `kafka_topic_partition_in_sync_replica${where}`)).toBe(0)
      expect(sample(text, `kafka_topic_partition_leader${where}`)).toBeUndefined()
      expect(sample(text, 'kafkado_collection_failures_total{part="requests"}')).toBe(1)
      const verbose = await fetch(`${listener.url}/readyz?verbose`)
      expect(verbose.status).toBe(503)
      expect(await verbose.text()).toContain('the disk does not answer')
    } finally {
      await broker.close().catch(() => undefined)
      await management.closed()
      await listener.ended()
    }
  })
})

describe('a gateway', () => {
  test('tells of the cluster behind it, and is not ready without it', async () => {
    const cluster = await createServer({ data: 'memory:', port: 0 })
    await using kafka = new Client(cluster.url)
    await kafka.admin.createTopic('orders', { partitions: 3 })
    await kafka.close()
    const server = await serve({ port: undefined, httpPort: 0, upstream: cluster.url })
    const text = await scrape(server)
    expect(sample(text, 'kafkado_upstream_up')).toBe(1)
    expect(sample(text, 'kafka_brokers')).toBe(1)
    expect(sample(text, 'kafka_topic_partitions{topic="orders"}')).toBe(3)
    expect(sample(text, 'kafka_topic_partition_leader{topic="orders",partition="2"}')).toBe(1)
    expect((await fetch(`${server.managementUrl}/readyz`)).status).toBe(200)
    await server.close()
    await cluster.close()
    const alone = await serve({ port: undefined, httpPort: 0, upstream: cluster.url })
    const response = await fetch(`${alone.managementUrl}/readyz`)
    expect([response.status, await response.text()]).toEqual([
      503,
      expect.stringMatching(/^upstream: the cluster cannot be reached: /),
    ])
    expect((await fetch(`${alone.managementUrl}/livez`)).status).toBe(200)
    expect(sample(await scrape(alone), 'kafkado_upstream_up')).toBe(0)
  })

  test('while it opens it lives, and is not ready', async () => {
    const silent = createTcpServer((socket) => void socket.on('error', () => undefined))
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const [managementPort] = (await freePorts(1)) as [number]
    const upstream = `kafka://127.0.0.1:${port}`
    const opening = createServer({ httpPort: 0, managementPort, upstream })
    const url = `http://127.0.0.1:${managementPort}`
    const connected = once(silent, 'connection')
    const [socket] = (await connected) as [{ destroy(): void }]
    expect(await (await fetch(`${url}/readyz`)).text()).toMatch(/^opening: /)
    expect((await fetch(`${url}/readyz`)).status).toBe(503)
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('kafkado_build_info')
    silent.close()
    socket.destroy()
    await (await opening).close()
  })
})

describe('bad input', () => {
  const ask = async (server: Server, options: RequestOptions) => {
    const { port } = server.listeners.find(({ kind }) => kind === 'management')!
    const sent = request({ host: '127.0.0.1', port, ...options }).end()
    const [response] = await once(sent, 'response')
    let body = ''
    for await (const chunk of response) body += chunk
    return { status: response.statusCode, headers: response.headers, body }
  }

  test.each([
    ['/nowhere', 'GET', 404],
    ['/metrics/', 'GET', 404],
    ['/__proto__', 'GET', 404],
    ['/metrics', 'POST', 405],
    ['/readyz', 'DELETE', 405],
    ['/', 'GET', 200],
    ['/readyz?verbose=&x=%', 'GET', 200],
  ])('%s %s is answered with %i', async (path, method, status) => {
    const server = await serve()
    const answer = await ask(server, { path, method })
    expect(answer.status).toBe(status)
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    if (status === 405) expect(answer.headers.allow).toBe('GET, HEAD')
    if (status === 404) expect(answer.body).toContain('/livez, /readyz, /metrics')
  })

  test('HEAD has the head of GET, and no body', async () => {
    const server = await serve()
    const answer = await ask(server, { path: '/metrics', method: 'HEAD' })
    expect([answer.status, answer.body]).toEqual([200, ''])
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
  })

  test('on this machine, a name that is not its own is refused', async () => {
    const server = await serve()
    const as = (host: string) => ask(server, { path: '/metrics', headers: { host } })
    expect((await as('evil.example.com')).status).toBe(421)
    expect((await as('localhost:9308')).status).toBe(200)
  })

  test('what is no HTTP gets 400, and the next one is served', async () => {
    const server = await serve()
    const { port } = server.listeners.find(({ kind }) => kind === 'management')!
    const socket = connect(port, '127.0.0.1')
    socket.end('hello?\r\n\r\n')
    let answer = ''
    for await (const chunk of socket) answer += chunk
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect((await fetch(`${server.managementUrl}/livez`)).status).toBe(200)
  })

  test('a scraper that does not read holds up neither others nor the end', async () => {
    const piece = `${'x'.repeat(65_535)}\n`
    const large: MetricFamily = {
      ...{ name: 'large', type: 'gauge', help: 'Large', labelNames: [] },
      // More than any buffer on the way takes.
      lines: new Array(1000).fill(piece),
    }
    const listener = await ManagementListener.open({
      ...{ name: 'x', host: '127.0.0.1', port: 0, tls: undefined },
      runtime: createRuntime(),
      metrics: new ServerMetrics().of('x'),
      health: new Health(),
      collector: { collect: async () => [large] },
    })
    const socket = connect(listener.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n')
    // The beginning of its answer is there, and nobody takes the rest.
    await once(socket, 'readable')
    expect((await fetch(`${listener.url}/livez`)).status).toBe(200)
    expect(listener.connections).toBeGreaterThan(0)
    await listener.ended()
    socket.destroy()
  })

  test('a port that is taken is said, and nothing stays open', async () => {
    const server = await serve()
    const { port: managementPort } = server.listeners.find(({ kind }) => kind === 'management')!
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-management-'))
    await expect(createServer({ data: folder, port: 0, managementPort })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining("(listener 'management'): another process listens there"),
    })
    const again = await createServer({ data: folder, port: 0 })
    await again.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('a folder that cannot be opened leaves no management listener behind', async () => {
    const [managementPort] = (await freePorts(1)) as [number]
    await expect(createServer({ data: '/dev/null/x', port: 0, managementPort })).rejects.toThrow()
    await expect(fetch(`http://127.0.0.1:${managementPort}/livez`)).rejects.toThrow()
  })

  test.each([
    [{ managementHost: '0.0.0.0' }, 'managementHost is for ServerConfig.managementPort'],
    [{ managementPort: 70_000 }, 'managementPort must be a whole number from 0 to 65535'],
    [
      { listeners: [{ kind: 'management' as const }] },
      "must include one of kind 'kafka' or 'http'",
    ],
    [
      { managementPort: 0, listeners: [{ kind: 'kafka' as const }] },
      'managementPort and ServerConfig.listeners exclude each other',
    ],
  ])('%j is refused', async (config, message) => {
    await expect(createServer({ data: 'memory:', ...config })).rejects.toThrow(message)
  })

  test('another address needs no access control, and the host of clients does not move it', async () => {
    const server = await serve({ managementHost: '0.0.0.0' })
    const { port } = server.listeners.find(({ kind }) => kind === 'management')!
    const response = await ask(server, {
      path: '/livez',
      headers: { host: `node-1.example.com:${port}` },
    })
    expect(response.status).toBe(200)
    const other = await serve({ host: '0.0.0.0', allowAnonymous: true })
    expect(other.listeners.map(({ host }) => host)).toEqual(['0.0.0.0', '127.0.0.1'])
  })

  test('with TLS in `listeners`; also beside access control nobody is asked for a key', async () => {
    const server = await createServer({
      data: 'memory:',
      access: 'keys',
      listeners: [
        { kind: 'management', port: 0, tls: { cert: testCert, key: testKey } },
        { kind: 'kafka', port: 0 },
      ],
    })
    open.push(server)
    expect(server.url).toMatch(/^kafka:/)
    expect(server.managementUrl).toMatch(/^https:/)
    const { port } = server.listeners[0]!
    const sent = requestTls({ host: '127.0.0.1', port, path: '/readyz', ca: testCert }).end()
    const [response] = await once(sent, 'response')
    response.resume()
    expect(response.statusCode).toBe(200)
  })
})

/**
 * The HTTP API beside a bare `node:http` server, and beside our client over TCP: 100-byte JSON events, on disk, servers in
 * processes of their own. The servers share their cores with the client that loads them, which takes a good part of the
 * processor: so what a server itself takes for a request is measured, too (Linux only).
 */
import { fork } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Client } from 'kafka-do'
import { measure, median, report } from './measure.js'

const event = {
  orderId: 'order-00000000',
  customer: 'customer-0000',
  amount: 99.99,
  note: 'x'.repeat(20),
}
const body = JSON.stringify(event)
if (body.length !== 100) throw new Error(`event has ${body.length} bytes`)
const connectionCount = 64
const runMs = 2000

/** @typedef {{ http: string, kafka: string, pid: number, stop: () => void }} Running */

/** @param {string} kind @returns {Promise<Running>} */
function start(kind) {
  const child = fork(fileURLToPath(new URL('http-program.js', import.meta.url)), [kind])
  return new Promise((resolve) => {
    child.once('message', (/** @type {any} */ urls) =>
      resolve({ ...urls, pid: child.pid, stop: () => child.kill() }),
    )
  })
}

/** What the threads of a process have taken so far, microseconds; NaN where the system does not tell. @param {number} pid */
function processorTime(pid) {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const taken = threads.map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
    )
    return taken.reduce((sum, ns) => sum + ns, 0) / 1000
  } catch {
    return Number.NaN
  }
}

/** Requests per second, and what the server takes for one, µs. @param {Running} server @param {string} path */
async function loaded(server, path) {
  const before = processorTime(server.pid)
  const { perSecond, answered } = await load(server.http, path)
  return { perSecond, cost: (processorTime(server.pid) - before) / answered }
}

/** 64 connections, one request at a time each. @param {string} url @param {string} path */
async function load(url, path) {
  const { port } = new URL(url)
  const request = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  let answered = 0
  let isOver = false
  const startedAt = performance.now()
  await Promise.all(
    Array.from(
      { length: connectionCount },
      () =>
        /** @type {Promise<void>} */ (
          new Promise((resolve, reject) => {
            const socket = connect(Number(port), '127.0.0.1', () => socket.write(request))
            socket.setNoDelay(true)
            socket.on('error', reject)
            socket.on('data', (chunk) => {
              // Answers are short: each comes in one piece.
              if (chunk[9] !== 0x32) return reject(new Error(chunk.toString()))
              answered++
              if (!isOver) return socket.write(request)
              socket.destroy()
              resolve()
            })
            setTimeout(() => {
              isOver = true
            }, runMs)
          })
        ),
    ),
  )
  return { answered, perSecond: answered / ((performance.now() - startedAt) / 1000) }
}

const perBatch = 1000
const batches = 60
const events = Array.from({ length: perBatch }, () => event)
const batchBody = `{"records":[${events.map((one) => `{"value":${JSON.stringify(one)}}`).join(',')}]}`

/** Four batches at a time. @param {(i: number) => Promise<unknown>} send */
async function sendBatches(send) {
  const startedAt = performance.now()
  let next = 0
  const work = async () => {
    while (next < batches) await send(next++)
  }
  await Promise.all([work(), work(), work(), work()])
  return (batches * perBatch) / ((performance.now() - startedAt) / 1000)
}

/** @param {Client} kafka @param {string} topic */
async function consume(kafka, topic) {
  const startedAt = performance.now()
  let count = 0
  await kafka
    .consumer(topic)
    .take(batches * perBatch)
    .forEach(() => {
      count++
    })
  if (count !== batches * perBatch) throw new Error(`consumed ${count}`)
  return count / ((performance.now() - startedAt) / 1000)
}

/** 200 readers of one topic: until all have had all events, and the longest silence of any, ms. @param {string} url */
async function streams(url) {
  const readers = 200
  const count = 100
  await fetch(`${url}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'live', partitions: 1 }),
  })
  const stopping = new AbortController()
  let stallMs = 0
  const opened = await Promise.all(
    Array.from({ length: readers }, () =>
      fetch(`${url}/v1/topics/live/records?limit=${count}`, {
        headers: { accept: 'text/event-stream' },
        signal: stopping.signal,
      }),
    ),
  )
  const startedAt = performance.now()
  const reading = opened.map(async (response) => {
    let seen = 0
    let lastAt = performance.now()
    for await (const chunk of /** @type {any} */ (response.body)) {
      const found = Buffer.from(chunk).toString().split('data: ').length - 1
      if (found === 0) continue
      seen += found
      if (seen > found) stallMs = Math.max(stallMs, performance.now() - lastAt)
      lastAt = performance.now()
    }
    if (seen !== count) throw new Error(`a reader saw ${seen} of ${count}`)
  })
  for (let i = 0; i < count; i++) {
    await fetch(`${url}/v1/topics/live/records`, { method: 'POST', body })
  }
  await Promise.all(reading)
  return { stallMs, perSecond: (readers * count) / ((performance.now() - startedAt) / 1000) }
}

const bare = await start('bare')
const ours = await start('serve')
const web = await start('web')
const alone = []
const single = []
const byRequest = []
const path = '/v1/topics/single/records'
await load(bare.http, '/')
await load(ours.http, path)
await load(web.http, path)
for (let run = 0; run < 9; run++) {
  alone.push(await loaded(bare, '/'))
  single.push(await loaded(ours, path))
  byRequest.push(await loaded(web, path))
}
/** @param {{ perSecond: number, cost: number }[]} runs */
const speeds = (runs) => runs.map(({ perSecond }) => perSecond)
report('bare node:http, 64 connections', speeds(alone), { unit: 'requests/s' })
report('one record a request, 64 connections', speeds(single), {
  unit: 'requests/s',
  atLeast: 0.5 * median(speeds(alone)),
})
report('the same by Request and Response', speeds(byRequest), { unit: 'requests/s' })
// Of runs right after each other, so that whatever else the machine does is in both.
const ratios = single.map(({ perSecond }, i) => perSecond / (alone[i]?.perSecond ?? 0))
report('one record a request ÷ bare, requests/s', ratios, { unit: '×', atLeast: 0.5 })
const costs = single.map(({ cost }, i) => cost / (alone[i]?.cost ?? 0))
report('one record a request ÷ bare, processor time', costs, { unit: '×' })
web.stop()

const tcp = new Client(ours.kafka)
const http = new Client(ours.http)
const overTcp = tcp.producer('sdk-tcp')
const sentByTcp = await measure(
  'client over kafka://, batches of 1,000',
  { unit: 'records/s' },
  () => sendBatches(() => overTcp.sendBatch(events)),
)
const overHttp = http.producer('sdk-http')
await measure(
  'client over http://, batches of 1,000',
  { unit: 'records/s', atLeast: 0.6 * sentByTcp },
  () => sendBatches(() => overHttp.sendBatch(events)),
)
await measure('records:batch of 1,000', { unit: 'records/s', atLeast: 0.5 * sentByTcp }, () =>
  sendBatches(async () => {
    const answer = await fetch(`${ours.http}/v1/topics/batch/records:batch`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: batchBody,
    })
    if (answer.status !== 200) throw new Error(await answer.text())
    await answer.arrayBuffer()
  }),
)
const readByTcp = await measure('client over kafka://, consuming', { unit: 'records/s' }, () =>
  consume(tcp, 'sdk-tcp'),
)
await measure(
  'client over http://, consuming',
  { unit: 'records/s', atLeast: 0.6 * readByTcp },
  () => consume(http, 'sdk-http'),
)
const live = await streams(ours.http)
report('events to 200 readers', [live.perSecond], { unit: 'events/s' })
report('longest silence of a reader', [live.stallMs], { unit: 'ms', atMost: 1000 })
await tcp.close()
await http.close()
bare.stop()
ours.stop()

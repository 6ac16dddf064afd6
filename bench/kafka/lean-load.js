/**
 * A load generator that costs little, so that the broker is what is measured: requests are made beforehand, answers are
 * not decoded further than they must be.
 *
 *   node lean-load.js '{"bootstrap":"127.0.0.1:9092","topic":"t","kind":"produce","recordBytes":100,"megabytes":200}'
 *
 * Prints one line of JSON: records, bytes (of batches), seconds, recordsPerSecond, and for produce the microseconds from a
 * request to its answer (p50, p99, p999). The topic has one partition, and the broker leads it.
 *
 *   kind         produce, or fetch: from the beginning, once
 *   acks         1 or -1 (all). Default 1
 *   batchBytes   of a request to produce. Default 16,384, the batch.size of Kafka's producer
 *   connections  each with `inFlight` requests under way. Default 1 and 5
 *   megabytes    to be produced or fetched, at least
 *   rate         requests per second of all connections; default: as fast as it can
 */
import { connect } from 'node:net'
import { BatchBuilder } from '../modules/protocol/records/batch-builder.js'

/**
 * @typedef {object} Load
 * @property {string} bootstrap
 * @property {string} topic
 * @property {'produce' | 'fetch'} kind
 * @property {number} recordBytes
 * @property {number} megabytes
 * @property {1 | -1} [acks]
 * @property {number} [batchBytes]
 * @property {number} [connections]
 * @property {number} [inFlight]
 * @property {number} [rate]
 */

/** @type {Load} */
const load = JSON.parse(process.argv[2] ?? '{}')
const { acks = 1, batchBytes = 16_384, connections = 1, inFlight = 5, rate } = load
const wantedBytes = load.megabytes * 1e6
const fetchBytesMax = 50 * 1024 * 1024
const partitionBytesMax = 1024 * 1024
const sizeBytes = 4
const produceKey = 0
const fetchKey = 1

/** The answer's size, then correlation id. */
const correlationAt = 4

const { batch, records: recordsInBatch } = readyBatch()

console.log(JSON.stringify(load.kind === 'fetch' ? await fetchAll() : await produceAll()))
process.exit(0)

function readyBatch() {
  const builder = new BatchBuilder()
  const value = 'x'.repeat(load.recordBytes)
  let records = 0
  do {
    builder.append(Date.now(), null, value)
    records++
  } while (builder.sizeInBytes + load.recordBytes + 16 < batchBytes)
  return { batch: builder.build(), records }
}

async function produceAll() {
  const requests = Math.ceil(wantedBytes / batch.length)
  const everyMs = rate === undefined ? undefined : (1000 / rate) * connections
  /** @type {number[]} */
  const tookMs = []
  let begun = 0
  const work = async () => {
    const send = await connection()
    const frame = produceRequest()
    const startedAt = performance.now()
    let own = 0
    const loop = async () => {
      while (begun < requests) {
        begun++
        const dueMs = everyMs === undefined ? 0 : startedAt + own++ * everyMs - performance.now()
        if (dueMs > 1) await new Promise((resolve) => setTimeout(resolve, dueMs))
        const sentAt = performance.now()
        const answer = await send(frame)
        tookMs.push(performance.now() - sentAt)
        checkProduced(answer)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
  }
  const from = performance.now()
  await Promise.all(Array.from({ length: connections }, work))
  const seconds = (performance.now() - from) / 1000
  tookMs.sort((a, b) => a - b)
  const us = (/** @type {number} */ share) =>
    Math.round(1000 * (tookMs[Math.floor(tookMs.length * share)] ?? 0))
  const records = requests * recordsInBatch
  const microseconds = { p50: us(0.5), p99: us(0.99), p999: us(0.999) }
  return { ...figures(records, requests * batch.length, seconds), ...microseconds }
}

async function fetchAll() {
  const from = performance.now()
  const readers = Array.from({ length: connections }, async () => {
    const send = await connection()
    let [offset, bytes, records] = [0n, 0, 0]
    while (bytes < wantedBytes) {
      const answer = await send(fetchRequest(offset))
      const fetched = lastFetched(answer)
      if (fetched.bytes === 0) throw new Error(`the topic ends at ${offset}, after ${bytes} bytes`)
      bytes += fetched.bytes
      records += Number(fetched.nextOffset - offset)
      offset = fetched.nextOffset
    }
    return { bytes, records }
  })
  const all = await Promise.all(readers)
  const seconds = (performance.now() - from) / 1000
  const sum = (/** @type {'bytes' | 'records'} */ what) =>
    all.reduce((total, one) => total + one[what], 0)
  return figures(sum('records'), sum('bytes'), seconds)
}

/** @param {number} records @param {number} bytes @param {number} seconds */
function figures(records, bytes, seconds) {
  return { records, bytes, seconds, recordsPerSecond: records / seconds }
}

/** One connection, whose requests are answered in order; resolves to the whole answer. */
function connection() {
  const [host, port] = load.bootstrap.split(/:(?=\d+$)/)
  const socket = connect(Number(port), host)
  socket.setNoDelay(true)
  /** @type {((answer: Buffer) => void)[]} */
  const waiting = []
  /** @type {Buffer[]} */
  let chunks = []
  let have = 0
  let needed = sizeBytes
  let correlationId = 0
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    have += chunk.length
    while (have >= needed) {
      const bytes = chunks.length === 1 ? /** @type {Buffer} */ (chunks[0]) : Buffer.concat(chunks)
      chunks = [bytes]
      const size = sizeBytes + bytes.readInt32BE(0)
      if (have < size) {
        needed = size
        break
      }
      waiting.shift()?.(bytes.subarray(0, size))
      have -= size
      chunks = have > 0 ? [bytes.subarray(size)] : []
      needed = sizeBytes
    }
  })
  socket.on('error', (error) => {
    throw error
  })
  socket.on('close', () => {
    throw new Error('the broker closed a connection')
  })
  const send = (/** @type {Request} */ { head, tail }) => {
    const own = Buffer.from(head)
    own.writeInt32BE(++correlationId, 8)
    socket.cork()
    socket.write(own)
    if (tail) socket.write(tail)
    socket.uncork()
    return new Promise((/** @type {(answer: Buffer) => void} */ resolve) => waiting.push(resolve))
  }
  return new Promise(
    (/** @type {(send: (request: Request) => Promise<Buffer>) => void} */ ready) => {
      socket.once('connect', () => ready(send))
    },
  )
}

/** @typedef {{ readonly head: Buffer, readonly tail?: Uint8Array }} Request `tail` is sent as it is. */

/** Version 7; see the protocol guide. */
function produceRequest() {
  const body = [
    int16(-1), // transactional id: none
    int16(acks),
    int32(30_000),
    int32(1),
    string(load.topic),
    int32(1),
    int32(0),
    int32(batch.length),
  ]
  return { head: framed(produceKey, 7, body, batch.length), tail: batch }
}

/** Version 11; see the protocol guide. @param {bigint} offset */
function fetchRequest(offset) {
  const body = [
    int32(-1),
    int32(500),
    int32(1),
    int32(fetchBytesMax),
    Buffer.from([0]),
    int32(0),
    int32(-1),
    int32(1),
    string(load.topic),
    int32(1),
    int32(0),
    int32(-1),
    int64(offset),
    int64(-1n),
    int32(partitionBytesMax),
    int32(0),
    string(''),
  ]
  return { head: framed(fetchKey, 11, body, 0) }
}

/** @param {Buffer} answer */
function checkProduced(answer) {
  // Correlation id, topics, name, partitions, index; then the error.
  const at = correlationAt + 4 + 4 + 2 + Buffer.byteLength(load.topic) + 4 + 4
  const error = answer.readInt16BE(at)
  if (error !== 0) throw new Error(`the broker answered a produce with error ${error}`)
}

/** What a fetch brought: only the headers of its batches are looked at. @param {Buffer} answer */
function lastFetched(answer) {
  // Correlation id, throttle, error, session, topics, name, partitions, index; then the error of the partition.
  let at = correlationAt + 4 + 4 + 2 + 4 + 4 + 2 + Buffer.byteLength(load.topic) + 4 + 4
  const error = answer.readInt16BE(at)
  if (error !== 0) throw new Error(`the broker answered a fetch with error ${error}`)
  at += 2 + 8 + 8 + 8
  const aborted = answer.readInt32BE(at)
  at += 4 + 16 * Math.max(0, aborted) + 4
  const bytes = Math.max(0, answer.readInt32BE(at))
  at += 4
  let nextOffset = 0n
  for (const end = at + bytes; at + 61 <= end; ) {
    const size = 12 + answer.readInt32BE(at + 8)
    if (at + size > end) break
    nextOffset = answer.readBigInt64BE(at) + BigInt(answer.readInt32BE(at + 23)) + 1n
    at += size
  }
  return { bytes, nextOffset }
}

/** @param {number} key @param {number} version @param {Buffer[]} body @param {number} tailBytes */
function framed(key, version, body, tailBytes) {
  const content = Buffer.concat([int16(key), int16(version), int32(0), string('lean'), ...body])
  return Buffer.concat([int32(content.length + tailBytes), content])
}

/** @param {number} value */
function int16(value) {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

/** @param {number} value */
function int32(value) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** @param {bigint} value */
function int64(value) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

/** @param {string} text */
function string(text) {
  return Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)])
}

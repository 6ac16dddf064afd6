import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'
import { ByteReader } from './byte-reader.ts'
import {
  correlationIdOf,
  decodeRequestBody,
  decodeRequestHeader,
  decodeResponseFrame,
  encodeRequestFrame,
  encodeResponseFrame,
} from './frame.ts'
import { FrameSplitter } from './frame-splitter.ts'
import {
  apiVersions,
  createApiVersionsRequest,
  createApiVersionsResponse,
} from './messages/generated/api-versions.ts'
import {
  createHeartbeatRequest,
  createHeartbeatResponse,
  heartbeat,
} from './messages/generated/heartbeat.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from './messages/generated/produce.ts'

function body(parts: Uint8Array[]): Uint8Array {
  const frame = concatBytes(parts)
  expect(new DataView(frame.buffer, frame.byteOffset).getInt32(0)).toBe(frame.length - 4)
  return frame.subarray(4)
}

describe('a frame', () => {
  test('carries a request with its header, in flexible and older versions', () => {
    for (const apiVersion of [2, 3, 4]) {
      const request = createApiVersionsRequest({
        clientSoftwareName: apiVersion >= 3 ? 'a' : '',
        clientSoftwareVersion: apiVersion >= 3 ? '1' : '',
      })
      const reader = new ByteReader(
        body(
          encodeRequestFrame(apiVersions, { apiVersion, correlationId: 7, clientId: 'é' }, request),
        ),
      )
      expect(decodeRequestHeader(reader)).toEqual({
        apiKey: 18,
        apiVersion,
        correlationId: 7,
        clientId: 'é',
      })
      expect(decodeRequestBody(apiVersions, apiVersion, reader)).toEqual(request)
    }
  })

  test('of an ApiVersions response has the oldest header in every version', () => {
    const frame = body(encodeResponseFrame(apiVersions, 3, 9, createApiVersionsResponse()))
    expect(correlationIdOf(frame)).toBe(9)
    expect(frame[4], 'the error code follows the correlation id').toBe(0)
    expect(decodeResponseFrame(apiVersions, 3, frame).errorCode).toBe(0)
    const flexible = body(encodeResponseFrame(heartbeat, 4, 9, createHeartbeatResponse()))
    expect(flexible.length).toBe(4 + 1 + 4 + 2 + 1)
  })

  test('refers to large records instead of copying them, and is the same bytes', () => {
    const records = new Uint8Array(10_000).fill(7)
    const request = createProduceRequest({
      acks: -1,
      timeoutMs: 1,
      topicData: [
        createProduceRequestTopicProduceData({
          name: 't',
          partitionData: [
            createProduceRequestPartitionProduceData({ index: 0, records }),
            createProduceRequestPartitionProduceData({ index: 1, records: records.subarray(0, 3) }),
            createProduceRequestPartitionProduceData({ index: 2, records }),
          ],
        }),
      ],
    })
    const parts = encodeRequestFrame(
      produce,
      { apiVersion: 9, correlationId: 1, clientId: null },
      request,
    )
    expect(parts.filter((part) => part === records)).toHaveLength(2)
    const reader = new ByteReader(body(parts))
    decodeRequestHeader(reader)
    expect(decodeRequestBody(produce, 9, reader)).toEqual(request)
  })

  test('with bytes left over is damaged if it is a response', () => {
    const frame = concatBytes([
      ...encodeResponseFrame(heartbeat, 4, 1, createHeartbeatResponse()),
      new Uint8Array(1),
    ])
    expect(() => decodeResponseFrame(heartbeat, 4, frame.subarray(4))).toThrow(CorruptDataError)
  })
})

test('a request may have bytes left over, as librdkafka’s for all topics has', () => {
  const frame = concatBytes([
    ...encodeRequestFrame(
      heartbeat,
      { apiVersion: 4, correlationId: 1, clientId: 'c' },
      createHeartbeatRequest({ groupId: 'g' }),
    ),
    new Uint8Array(3),
  ])
  const reader = new ByteReader(frame, 4)
  decodeRequestHeader(reader)
  expect(decodeRequestBody(heartbeat, 4, reader)).toMatchObject({ groupId: 'g' })
})

describe('FrameSplitter', () => {
  test('finds the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 50 }),
        (contents, cuts) => {
          const stream = concatBytes(
            contents.flatMap((content) => [lengthOf(content.length), content, new Uint8Array(0)]),
          )
          const found: Uint8Array[] = []
          const splitter = new FrameSplitter(1000)
          let at = 0
          for (let i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length]!
            splitter.push(stream.slice(at, at + size), (frame) => found.push(frame.slice()))
            at += size
          }
          expect(found).toEqual(contents)
          expect(splitter.pendingBytes).toBe(0)
        },
      ),
    )
  })

  test.each([-1, -2147483648, 101, 2147483647])('refuses a frame of %i bytes', (size) => {
    const push = (cut: number) => {
      const splitter = new FrameSplitter(100)
      const bytes = lengthOf(size)
      splitter.push(bytes.slice(0, cut), () => undefined)
      splitter.push(bytes.slice(cut), () => undefined)
    }
    for (const cut of [0, 1, 3, 4]) expect(() => push(cut)).toThrow(CorruptDataError)
  })

  test('keeps no more than twice what it received', () => {
    const splitter = new FrameSplitter(100_000_000)
    splitter.push(lengthOf(100_000_000), () => undefined)
    for (let i = 0; i < 1000; i++) splitter.push(new Uint8Array([1]), () => undefined)
    expect(splitter.pendingBytes).toBe(1004)
  })
})

function lengthOf(size: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, size)
  return bytes
}

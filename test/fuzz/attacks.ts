/**
 * What one hostile connection sends, and how. Each attack is made of a seed, so that it can be made again.
 */

import { servedApi } from '../../src/broker/api-table.ts'
import { encodeRequestFrame } from '../../src/protocol/frame.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../../src/protocol/messages/generated/api-versions.ts'
import { createMetadataRequest, metadata } from '../../src/protocol/messages/generated/metadata.ts'
import { produce } from '../../src/protocol/messages/generated/produce.ts'
import type { SeededRandom } from '../simulation/random.ts'
import {
  type HostileRequest,
  hostileRequest,
  type RequestOptions,
  servedVersions,
} from './hostile-requests.ts'
import { damagedCopy, joined, pick, randomBytes } from './mutations.ts'

export interface Attack {
  readonly name: string
  /** Sent one after the other. */
  readonly chunks: readonly Uint8Array[]
  /**
   * What follows. `probe`: a proper request, whose answer shows that the connection is still of use; `nothing`: it is
   * left open; `end`: this side is closed, the answers are read; `reset`: it is torn down.
   */
  readonly finish: 'probe' | 'nothing' | 'end' | 'reset'
  /** Whether what the server sends is read. */
  readonly reads: boolean
  /** Correlation ids of the requests, in order, where all are whole. */
  readonly ids?: readonly number[]
}

type Make = (random: SeededRandom, options: RequestOptions) => Promise<Omit<Attack, 'name'>>

/** What the tests tell the server to take at most. */
export const socketRequestMaxBytes = 300_000
export const probeId = 0x7ee1bead

/** Asks for nothing that could fail. */
export const probe = joined(
  ...encodeRequestFrame(
    apiVersions,
    { apiVersion: 0, correlationId: probeId, clientId: 'probe' },
    createApiVersionsRequest(),
  ),
)

const attacks: { readonly [name: string]: Make } = {
  'random bytes': async (random) => ({
    ...reading(randomBytes(random, 1 + random.below(500))),
    finish: pick(random, ['probe', 'nothing', 'end']),
  }),
  'frames of random bytes': async (random) => {
    const frames = Array.from({ length: 1 + random.below(5) }, () =>
      framed(randomBytes(random, random.below(100))),
    )
    return reading(joined(...frames))
  },
  'proper requests': async (random, options) => pipeline(random, options, 1 + random.below(3)),
  'many requests at once': async (random, options) => pipeline(random, options, 50),
  'damaged requests': async (random, options) => {
    const { body } = await frame(random, options)
    return reading(framed(damagedCopy(random, body)))
  },
  'damaged requests among proper ones': async (random, options) => {
    const frames: Uint8Array[] = []
    for (let i = 0; i < 6; i++) {
      const { body } = await frame(random, options, i)
      frames.push(framed(i === 3 ? damagedCopy(random, body) : body))
    }
    return reading(joined(...frames))
  },
  'hostile batches': async (random, options) => {
    const versions = servedVersions.filter(({ api }) => api.key === produce.key)
    const requests: Uint8Array[] = []
    for (let i = 0; i < 3; i++) {
      requests.push(framed((await frame(random, options, i, pick(random, versions))).body))
    }
    return reading(joined(...requests))
  },
  'lengths that lie': async (random, options) => {
    const { body } = await frame(random, options)
    const length = pick(random, [
      -1,
      -(2 ** 31),
      2 ** 31 - 1,
      socketRequestMaxBytes + 1,
      0,
      1,
      body.length - 1,
      body.length + 1,
    ])
    return { ...reading(framed(body, length)), finish: pick(random, ['probe', 'nothing', 'end']) }
  },
  'requests cut in the middle': async (random, options) => {
    const { body } = await frame(random, options)
    const whole = framed(body)
    return {
      ...reading(whole.slice(0, random.below(whole.length))),
      finish: pick(random, ['nothing', 'end', 'end', 'reset', 'reset']),
    }
  },
  'headers cut': async (random, options) => {
    const { body } = await frame(random, options)
    return reading(framed(body.slice(0, random.below(12))))
  },
  'keys and versions that are not': async (random, options) => {
    const { body } = await frame(random, options)
    const view = new DataView(body.buffer, body.byteOffset)
    if (random.chance(0.7))
      view.setInt16(0, pick(random, [-1, 4, 5, 17, 71, 1000, 32_767, random.below(100)]))
    if (random.chance(0.7))
      view.setInt16(2, pick(random, [-1, 0, 20, 127, 32_767, random.below(20)]))
    return reading(framed(body))
  },
  'a byte at a time': async (random, options) => {
    const { body, id } = await frame(random, options)
    const chunks = [...framed(body.slice(0, 2000))].map((byte) => Uint8Array.of(byte))
    return body.length > 2000
      ? { ...reading(), chunks, finish: 'reset' }
      : { ...reading(), chunks, ids: [id] }
  },
  'cut into pieces': async (random, options) => {
    const { chunks, ids, ...rest } = await pipeline(random, options, 5)
    const whole = joined(...chunks)
    const pieces: Uint8Array[] = []
    for (let at = 0; at < whole.length; ) {
      const end = at + 1 + random.below(200)
      pieces.push(whole.subarray(at, end))
      at = end
    }
    return { ...rest, chunks: pieces, ...(ids && { ids }) }
  },
  'a frame as long as is allowed': async (random) => ({
    ...reading(framed(new Uint8Array(random.below(socketRequestMaxBytes)), socketRequestMaxBytes)),
    finish: pick(random, ['nothing', 'end', 'reset']),
  }),
  'a flood, its answers not read': async (random) => {
    const request = framed(metadataBody(random.below(1000)))
    return {
      chunks: Array.from({ length: 40 }, () =>
        joined(...Array.from({ length: 50 }, () => request)),
      ),
      finish: 'nothing',
      reads: false,
    }
  },
  'a flood, then gone': async (random, options) => {
    const flood = await pipeline(random, options, 200)
    return { ...flood, finish: 'reset', reads: random.chance(0.5) }
  },
  'requests, then the end of this side': async (random, options) => ({
    ...(await pipeline(random, options, 3)),
    finish: 'end',
  }),
  'a TLS greeting': async (random) =>
    reading(joined(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), randomBytes(random, 200))),
  'an HTTP request': async (random) => {
    const line = pick(random, ['GET / HTTP/1.1', 'POST /topics HTTP/1.1', 'PRI * HTTP/2.0'])
    return reading(new TextEncoder().encode(`${line}\r\nHost: localhost\r\n\r\n`))
  },
  silence: async () => ({ chunks: [], finish: 'nothing', reads: true }),
  'there and gone': async () => ({ chunks: [], finish: 'reset', reads: true }),
}

export const attackNames = Object.keys(attacks)

export async function attackOf(
  random: SeededRandom,
  name: string,
  options: RequestOptions,
): Promise<Attack> {
  return { name, ...(await attacks[name]!(random, options)) }
}

function reading(...chunks: Uint8Array[]): Omit<Attack, 'name'> {
  return { chunks, finish: 'probe', reads: true }
}

/** Requests that are whole, one after the other. */
async function pipeline(
  random: SeededRandom,
  options: RequestOptions,
  count: number,
): Promise<Omit<Attack, 'name'>> {
  const frames: Uint8Array[] = []
  const ids: number[] = []
  for (let i = 0; i < count; i++) {
    const { body, id } = await frame(random, options, 1000 + i)
    frames.push(framed(body))
    ids.push(id)
  }
  return { ...reading(joined(...frames)), ids }
}

async function frame(
  random: SeededRandom,
  options: RequestOptions,
  id = random.below(1_000_000),
  api?: Omit<HostileRequest, 'request'>,
): Promise<{ body: Uint8Array; id: number }> {
  const { request, ...served } = await hostileRequest(random, options, api)
  const header = {
    apiVersion: served.version,
    correlationId: id,
    clientId: pick(random, [null, 'hostile', 'x'.repeat(300)]),
  }
  return { body: joined(...encodeRequestFrame(served.api, header, request)).subarray(4), id }
}

function metadataBody(correlationId: number): Uint8Array {
  const { api } = servedApi(metadata.key)!
  const request = createMetadataRequest({ topics: null })
  const header = { apiVersion: 12, correlationId, clientId: null }
  return joined(...encodeRequestFrame(api, header, request)).subarray(4)
}

function framed(body: Uint8Array, length = body.length): Uint8Array {
  const whole = new Uint8Array(4 + body.length)
  new DataView(whole.buffer).setInt32(0, length)
  whole.set(body, 4)
  return whole
}

import kafkajs from 'kafkajs'
import { describe, expect, test } from 'vitest'
import { defaultPartitioner, murmur2 } from './partitioner.ts'

describe('murmur2', () => {
  // Values of org.apache.kafka.common.utils.Utils.murmur2, as asserted by Kafka's own UtilsTest.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as the Java client does', (text, hash) => {
    expect(murmur2(text)).toBe(hash)
    expect(murmur2(new TextEncoder().encode(text))).toBe(hash)
  })

  test('hashes a string as its UTF-8 bytes', () => {
    for (const key of ['', 'é', 'naïve-ключ-鍵', '🙂'.repeat(200)]) {
      expect(murmur2(key)).toBe(murmur2(new TextEncoder().encode(key)))
    }
  })
})

test('a record without a key goes to the sticky partition', () => {
  expect(defaultPartitioner({ topic: 't', key: null, partitionCount: 8, sticky: 5 })).toBe(5)
})

test('puts keys where kafkajs’s default partitioner puts them', () => {
  const { DefaultPartitioner } = kafkajs.Partitioners
  const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({
    partitionId,
    leader: 1,
    partitionErrorCode: 0,
    replicas: [1],
    isr: [1],
  }))
  const theirs = DefaultPartitioner()
  for (let n = 0; n < 500; n++) {
    const key = `${'schlüssel-'.repeat(n % 5)}${n}`
    const message = { key: Buffer.from(key), value: null }
    expect(defaultPartitioner({ topic: 't', key, partitionCount: 7, sticky: 0 })).toBe(
      theirs({ topic: 't', message, partitionMetadata }),
    )
  }
})

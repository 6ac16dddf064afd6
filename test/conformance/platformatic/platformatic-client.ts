/** @platformatic/kafka as the tests use it: with short waits, closed when a test is over. */
import {
  Admin,
  Consumer,
  type ConsumerOptions,
  type Message,
  type MessagesStream,
  type MessageToProduce,
  Producer,
  type ProducerOptions,
} from '@platformatic/kafka'
import { onTestFinished } from 'vitest'
import './promise-with-resolvers.js'
import type { ServedBroker } from '../npm/served-broker.ts'

export type BufferMessage = Message<Buffer, Buffer, Buffer, Buffer>
export type BufferStream = MessagesStream<Buffer, Buffer, Buffer, Buffer>
export type BufferToProduce = MessageToProduce<Buffer, Buffer, Buffer, Buffer>
type BufferConsumerOptions = ConsumerOptions<Buffer, Buffer, Buffer, Buffer>
type BufferProducerOptions = ProducerOptions<Buffer, Buffer, Buffer, Buffer>

const base = (broker: ServedBroker) => ({
  clientId: 'platformatic-conformance',
  bootstrapBrokers: [broker.bootstrap],
  retries: 5,
  retryDelay: 50,
})

/** What a group needs so that a member that is killed is soon missed. */
export const quickGroup = {
  sessionTimeout: 1500,
  heartbeatInterval: 100,
  rebalanceTimeout: 5000,
  maxWaitTime: 50,
} as const

export function createProducer(
  broker: ServedBroker,
  options: Partial<BufferProducerOptions> = {},
): Producer {
  const producer = new Producer({ ...base(broker), autocreateTopics: true, ...options })
  onTestFinished(() => producer.close())
  return producer
}

export function createAdmin(broker: ServedBroker): Admin {
  const admin = new Admin(base(broker))
  onTestFinished(() => admin.close())
  return admin
}

export function createConsumer(
  broker: ServedBroker,
  options: { readonly groupId: string } & Partial<BufferConsumerOptions>,
): Consumer {
  const consumer = new Consumer({ ...base(broker), ...quickGroup, ...options })
  onTestFinished(() => consumer.close(true))
  return consumer
}

/** The next messages of a stream, in order of arrival. The stream goes on afterwards. */
export async function take(stream: BufferStream, count: number): Promise<BufferMessage[]> {
  const messages: BufferMessage[] = []
  const iterator = stream[Symbol.asyncIterator]()
  while (messages.length < count) {
    const { value, done } = await iterator.next()
    if (done) throw new Error(`the stream ended after ${messages.length} of ${count} messages`)
    messages.push(value)
  }
  return messages
}

/** So many messages from the beginning of a topic, in order of arrival, by a group of its own. */
export async function readAll(
  broker: ServedBroker,
  topic: string,
  count: number,
  options: Partial<BufferConsumerOptions> = {},
): Promise<BufferMessage[]> {
  const groupId = `reads-${topic}`
  const consumer = createConsumer(broker, { groupId, autocommit: false, ...options })
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
  const messages = await take(stream, count)
  await consumer.close(true)
  return messages
}

export function text({ value }: { readonly value: Buffer | null }): string | undefined {
  return value?.toString()
}

/** Somewhere in an error's causes and parts, one has this code of Kafka's. */
export function hasApiError(apiId: string) {
  return (error: unknown): boolean => {
    if (typeof error !== 'object' || error === null) return false
    const { apiId: own, errors, cause } = error as Record<'apiId' | 'errors' | 'cause', unknown>
    const parts = Array.isArray(errors) ? errors : []
    return own === apiId || [...parts, cause].some(hasApiError(apiId))
  }
}

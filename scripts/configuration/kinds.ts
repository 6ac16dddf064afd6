/**
 * All kinds of config, with their tables. What holds for every option is tested for these, and
 * docs/configuration.md and the docstrings are made from them.
 */
import { brokerOptions, resolveBrokerConfig } from '../../src/broker/config.ts'
import { brokerDocs } from '../../src/broker/config-docs.ts'
import {
  resolveTopicChanges,
  resolveTopicConfig,
  topicChangeOptions,
  topicConfigOptions,
} from '../../src/client/admin/topic-config.ts'
import { clientOptions, commonOptions, resolveClientConfig } from '../../src/client/config.ts'
import {
  batchDocs,
  clientDocs,
  consumerDocs,
  producerDocs,
  topicChangeDocs,
  topicConfigDocs,
  topicDocs,
  transactionDocs,
  withRetryDocs,
} from '../../src/client/config-docs.ts'
import { batchOptions, resolveBatchConfig } from '../../src/client/consumer/batch-config.ts'
import {
  consumerOptions,
  resolveConsumerConfig,
} from '../../src/client/consumer/consumer-config.ts'
import {
  producerOptions,
  resolveProducerConfig,
} from '../../src/client/producer/producer-config.ts'
import { topic, topicOptions } from '../../src/client/topic.ts'
import {
  resolveTransactionConfig,
  transactionOptions,
} from '../../src/client/transaction/transaction-config.ts'
import { withRetry, withRetryOptions } from '../../src/client/with-retry.ts'
import type { Docs, DocumentedTable } from '../../src/core/option.ts'
import { documented } from '../../src/core/option-text.ts'
import { embeddedOptions } from '../../src/entry/open-connection.ts'
import { httpHandlerOptions, resolveHttpHandlerConfig } from '../../src/server/http-handler.ts'
import { httpHandlerDocs } from '../../src/server/http-handler-docs.ts'
import { resolveServerConfig, serverOptions } from '../../src/server/server-config.ts'
import { serverDocs } from '../../src/server/server-config-docs.ts'
import { streamsDocs } from '../../src/streams/config-docs.ts'
import { resolveStreamsConfig, streamsOptions } from '../../src/streams/streams-config.ts'
import { faultDocs, mockClientDocs } from '../../src/testing/config-docs.ts'
import { faultOptions } from '../../src/testing/faults.ts'
import { MockClient, mockBrokerOptions } from '../../src/testing/mock-client.ts'

/** Of those who compose a client with a broker. */
const embeddedDocs: Docs = {
  broker: {
    doc: 'Settings of the embedded broker, for `file:` and `memory:`. Those of the first client on a folder apply.',
  },
}

export interface ConfigKind {
  /** Of the interface, and in errors. */
  readonly name: string
  /** Where it is given, as Markdown. */
  readonly where: string
  readonly table: DocumentedTable
  /** The kind whose options it has, but for some. */
  readonly like?: string
  /** Throws or rejects for what is wrong. */
  readonly resolve: (input: never) => unknown
}

const { runtime: _, ...mockOptions } = { ...commonOptions, ...mockBrokerOptions }

export const configKinds: readonly ConfigKind[] = [
  {
    name: 'ClientConfig',
    where: '`new Client(config)`',
    table: documented({ ...clientOptions, ...embeddedOptions }, { ...clientDocs, ...embeddedDocs }),
    resolve: (input) => resolveClientConfig(input, {}, embeddedOptions),
  },
  {
    name: 'BrokerConfig',
    where: '`broker` of `new Client(config)`, `createServer(config)` and `new MockClient(config)`',
    table: documented(brokerOptions, brokerDocs),
    resolve: resolveBrokerConfig,
  },
  {
    name: 'ProducerConfig',
    where: '`kafka.producer(topic, config)`',
    table: documented(producerOptions, producerDocs),
    resolve: resolveProducerConfig,
  },
  {
    name: 'ConsumerConfig',
    where: '`kafka.consumer(topic, config)`, `kafka.consume(topic, config, handler)`',
    table: documented(consumerOptions, consumerDocs),
    resolve: resolveConsumerConfig,
  },
  {
    name: 'ConsumeBatchConfig',
    like: 'ConsumerConfig',
    where: '`kafka.consumeBatch(topic, config, handler)`',
    table: documented(batchOptions, batchDocs),
    resolve: resolveBatchConfig,
  },
  {
    name: 'TransactionConfig',
    like: 'ProducerConfig',
    where: '`kafka.transaction(topic, config, work)`',
    table: documented(transactionOptions, transactionDocs),
    resolve: resolveTransactionConfig,
  },
  {
    name: 'TopicConfig',
    where: '`kafka.admin.createTopic(name, config)`',
    table: documented(topicConfigOptions, topicConfigDocs),
    resolve: resolveTopicConfig,
  },
  {
    name: 'TopicChanges',
    where: '`kafka.admin.alterTopic(name, changes)`',
    table: documented(topicChangeOptions, topicChangeDocs),
    resolve: resolveTopicChanges,
  },
  {
    name: 'TopicOptions',
    where: '`topic(name, options)`',
    table: documented(topicOptions, topicDocs),
    resolve: (input) => topic('orders', input),
  },
  {
    name: 'RetryOptions',
    where: '`withRetry(fn, options)`',
    table: documented(withRetryOptions, withRetryDocs),
    resolve: (input) => withRetry(() => 1, input),
  },
  {
    name: 'StreamsConfig',
    where: '`kafka.streams(config)`, `kafka.stream(topic, config)`',
    table: documented(streamsOptions, streamsDocs),
    resolve: resolveStreamsConfig,
  },
  {
    name: 'ServerConfig',
    where: '`createServer(config)` of `kafka-do/server`',
    table: documented(serverOptions, serverDocs),
    resolve: resolveServerConfig,
  },
  {
    name: 'HttpHandlerConfig',
    where: '`createHttpHandler(config)` of `kafka-do/http`',
    table: documented(httpHandlerOptions, httpHandlerDocs),
    resolve: resolveHttpHandlerConfig,
  },
  {
    name: 'MockClientConfig',
    like: 'ClientConfig',
    where: '`new MockClient(config)` of `kafka-do/testing`',
    table: documented(mockOptions, mockClientDocs),
    resolve: (input) => new MockClient(input),
  },
  {
    name: 'FaultOptions',
    where:
      '`kafka.faults.fail(operation, error, options)` of a `MockClient`, and to its other faults',
    table: documented(faultOptions, faultDocs),
    resolve: (input) => new MockClient().faults.fail('produce', 'NOT_LEADER_OR_FOLLOWER', input),
  },
]

/** Options within options, with what leads to them: `ClientConfig.sasl`. */
export function tablesWithin(
  name: string,
  table: DocumentedTable,
): readonly (readonly [name: string, table: DocumentedTable])[] {
  return Object.entries(table).flatMap(([key, { type }]) => {
    const inner = type.kind === 'list' ? type.item : type
    if (inner.kind !== 'options') return []
    const here = `${name}.${key}${type.kind === 'list' ? '[0]' : ''}`
    const options = inner.table as DocumentedTable
    return [[here, options] as const, ...tablesWithin(here, options)]
  })
}

/** Where the interfaces are declared whose docstrings the tables have. */

import type { DocumentedInterface } from './docstrings.ts'
import { configKinds, tablesWithin } from './kinds.ts'

const tables = new Map(
  configKinds.flatMap(({ name, table }) => [[name, table] as const, ...tablesWithin(name, table)]),
)

/** [file, interface, table]; where one extends another, each declares its own members. */
const declarations = [
  ['src/client/config.ts', 'ClientConfig', 'ClientConfig'],
  ['src/entry/client.ts', 'ClientConfig', 'ClientConfig'],
  ['src/connection/sasl/mechanism.ts', 'SaslCredentials', 'ClientConfig.sasl'],
  ['src/connection/tls-options.ts', 'TlsOptions', 'ClientConfig.tls'],
  ['src/broker/config.ts', 'BrokerConfigInput', 'BrokerConfig'],
  ['src/client/producer/producer-config.ts', 'ProducerConfig', 'ProducerConfig'],
  ['src/client/consumer/consumer-config.ts', 'ConsumerConfig', 'ConsumerConfig'],
  ['src/client/consumer/consumer-config.ts', 'OnError', 'ConsumerConfig.onError'],
  ['src/client/consumer/batch-config.ts', 'ConsumeBatchConfig', 'ConsumeBatchConfig'],
  ['src/client/transaction/transaction-config.ts', 'TransactionConfig', 'TransactionConfig'],
  ['src/client/admin/topic-config.ts', 'TopicConfig', 'TopicConfig'],
  ['src/client/admin/topic-config.ts', 'TopicChanges', 'TopicChanges'],
  ['src/client/with-retry.ts', 'RetryOptions', 'RetryOptions'],
  ['src/streams/streams-config.ts', 'StreamsConfig', 'StreamsConfig'],
  ['src/server/server-config.ts', 'ServerConfig', 'ServerConfig'],
  ['src/server/access-config.ts', 'AccessConfig', 'ServerConfig'],
  ['src/server/access-config.ts', 'OAuthConfig', 'ServerConfig.oauth[0]'],
  ['src/server/listener-config.ts', 'TlsConfig', 'ServerConfig.tls'],
  ['src/server/listener-config.ts', 'KafkaListenerConfig', 'ServerConfig.listeners[0]'],
  ['src/server/listener-config.ts', 'HttpListenerConfig', 'ServerConfig.listeners[0]'],
  ['src/server/listener-config.ts', 'ManagementListenerConfig', 'ServerConfig.listeners[0]'],
  ['src/server/http-handler.ts', 'HttpHandlerConfig', 'HttpHandlerConfig'],
  ['src/http/http-config.ts', 'HttpConfig', 'ServerConfig.http'],
  ['src/server/listener-config.ts', 'AdvertisedConfig', 'ServerConfig.listeners[0].advertised'],
  ['src/client/topic.ts', 'TopicOptions', 'TopicOptions'],
  ['src/testing/faults.ts', 'FaultOptions', 'FaultOptions'],
  ['src/testing/mock-client.ts', 'MockClientConfig', 'MockClientConfig'],
] as const

export const documentedInterfaces: readonly DocumentedInterface[] = declarations.map(
  ([file, name, kind]) => ({ file, name, table: tables.get(kind)! }),
)

/**
 * A client for tests: the real one, on a broker in memory, so that tests meet what production meets: partitions, groups,
 * transactions, errors. With a look at what was stored, a clock to move, and faults to inject.
 */
import { type BrokerConfigInput, brokerOption } from '../broker/config.ts'
import { checkGroupName } from '../client/admin/group-requests.ts'
import { BaseClient } from '../client/client.ts'
import {
  type ClientConfig,
  resolveClientConfig,
  resolveGivenBrokerConfig,
} from '../client/config.ts'
import type { Message } from '../client/producer/send-options.ts'
import { type Topic, toTopic } from '../client/topic.ts'
import type { Connection } from '../connection/connection.ts'
import { EmbeddedConnection } from '../connection/embedded.ts'
import { refuseMore } from '../core/options.ts'
import { ComposedClient } from '../entry/client.ts'
import { openInMemory } from '../entry/shared-brokers.ts'
import {
  createDescribeGroupsRequest,
  describeGroups,
} from '../protocol/messages/generated/describe-groups.ts'
import {
  createLeaveGroupRequest,
  createLeaveGroupRequestMemberIdentity,
  leaveGroup,
} from '../protocol/messages/generated/leave-group.ts'
import { Faults } from './faults.ts'
import { readTopic, type StoredMessage } from './read-topic.ts'
import { TestClock } from './test-clock.ts'

/** Options of `MockClient`: a client's, without those that say where the broker is. */
export interface MockClientConfig
  extends Omit<ClientConfig, 'url' | 'apiKey' | 'sasl' | 'tls' | 'runtime'> {
  /** Settings of its broker. */
  broker?: BrokerConfigInput | undefined
}

/** What it takes besides a client's options. */
export const mockBrokerOptions = { broker: brokerOption }

/**
 * The real client on a broker in memory, with a clock to move and faults to inject. Nothing is shared between two of
 * them.
 */
export class MockClient extends ComposedClient {
  /** What time it is for client and broker. */
  readonly clock: TestClock
  /** What goes wrong between them. */
  readonly faults: Faults
  readonly #connection: Connection

  /** Throws `ConfigError`. Each client has its own broker, which is gone when the client is closed. */
  constructor(config?: MockClientConfig)
  constructor(config: MockClientConfig = {}, ...more: unknown[]) {
    refuseMore(more, `new MockClient({ clientId: '…' })`)
    const { broker, ...resolved } = resolveGivenBrokerConfig(
      'MockClientConfig',
      config,
      mockBrokerOptions,
      (logger) => new TestClock(logger),
    )
    const clock = resolved.runtime
    const faults = new Faults(clock)
    const connection = new EmbeddedConnection('memory:', resolved.clientId, clock, () =>
      openInMemory(clock, broker),
    )
    super({ config: resolved, connection: faults.wrap(connection) })
    this.clock = clock
    this.faults = faults
    this.#connection = connection
  }

  /** Stores values, or `Message`s, as if others had produced them. Faults do not concern it. */
  async seed<V = unknown, K = string, Input = V>(
    topic: string | Topic<V, K, Input>,
    values: readonly (Input | null | Message<Input, K>)[],
  ): Promise<void> {
    const config = resolveClientConfig({ url: 'memory:', runtime: this.clock }, {})
    // A client of its own on the same broker; closing it would close the connection, which is not its own.
    const seeder = new BaseClient(config, {
      url: 'memory:',
      exchange: (api, request, options) => this.#connection.exchange(api, request, options),
      releaseLane: () => undefined,
      close: () => Promise.resolve(),
    })
    await seeder.producer(topic).sendBatch(values as readonly (Input | Message<Input, K>)[])
    await seeder.close()
  }

  /** What a topic holds, by partition and offset; without what transactions have not committed. Throws `TopicNotFoundError`. */
  getMessages<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
  ): Promise<StoredMessage<V, K>[]> {
    return readTopic(this.#connection, toTopic(topic))
  }

  /** Removes all members from a group: they join again, and the partitions are assigned again. */
  async rebalance(group: string): Promise<void> {
    checkGroupName(group)
    const request = createDescribeGroupsRequest({ groups: [group] })
    const [described] = (await this.#connection.exchange(describeGroups, request)).groups
    const members = described?.members.map(({ memberId }) =>
      createLeaveGroupRequestMemberIdentity({ memberId, groupInstanceId: null }),
    )
    if (!members || members.length === 0) return
    await this.#connection.exchange(
      leaveGroup,
      createLeaveGroupRequest({ groupId: group, members }),
    )
  }
}

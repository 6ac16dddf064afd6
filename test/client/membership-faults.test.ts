/** A membership that is lost while partitions are given up: what the group said before does not count any more. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Broker } from '../../src/broker/broker.ts'
import { BaseClient } from '../../src/client/client.ts'
import { Cluster } from '../../src/client/cluster.ts'
import { resolveClientConfig } from '../../src/client/config.ts'
import { resolveConsumerConfig } from '../../src/client/consumer/consumer-config.ts'
import { GroupMember } from '../../src/client/consumer/group-member.ts'
import { Patience } from '../../src/client/consumer/patience.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import type { Assignor, TopicPartition } from '../../src/index.ts'
import {
  createLeaveGroupRequest,
  createLeaveGroupRequestMemberIdentity,
  leaveGroup,
} from '../../src/protocol/messages/generated/leave-group.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { turns } from './slow-connection.ts'

const group = 'g'
let runtime: ManualRuntime
let connection: EmbeddedConnection
let client: BaseClient
let member: GroupMember
let events: string[]
/** By round, the partitions that the only member gets. */
let rounds: number[][]
let giveUp: () => void

beforeEach(async () => {
  runtime = new ManualRuntime()
  connection = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem: createMemoryFileSystem(), runtime }),
  )
  const config = resolveClientConfig({ url: 'memory:', runtime, retryBackoff: 20 }, {})
  const cluster = new Cluster(connection, config)
  client = new BaseClient(config, connection)
  await client.admin.createTopic('t', { partitions: 3 })
  events = []
  giveUp = () => undefined
  const consumer = resolveConsumerConfig({ group, assignor: assignorOf(() => rounds.shift()!) })
  const patience = new Patience({ runtime, giveUpAfterMs: undefined, group })
  const subscription = { topics: ['t'], isMatched: () => false }
  member = new GroupMember(cluster, subscription, consumer, patience, {
    assigned: async (partitions) => void events.push(`assigned ${numbers(partitions)}`),
    revoked: (partitions) => {
      events.push(`revoked ${numbers(partitions)}`)
      return new Promise((resolve) => {
        giveUp = resolve
      })
    },
    lost: (partitions) => events.push(`lost ${numbers(partitions)}`),
    settled: () => events.push('settled'),
    failed: (error) => events.push(String(error)),
  })
})
afterEach(async () => {
  giveUp()
  await pass(member.leave(() => Promise.resolve()))
  await client.close()
})

function assignorOf(next: () => readonly number[]): Assignor {
  return {
    name: 'by-round',
    protocol: 'cooperative',
    assign: ({ members }) => {
      const partitions = next().map((partition) => ({ topic: 't', partition }))
      return new Map(members.map(({ memberId }) => [memberId, { partitions }]))
    },
  }
}

function numbers(partitions: readonly TopicPartition[]): string {
  return partitions.map(({ partition }) => partition).join()
}

/** Lets time pass until `work` is done. */
async function pass(work: Promise<unknown>): Promise<void> {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  done.catch(() => undefined)
  for (let looks = 0; !isDone; looks++) {
    expect(looks, events.join('; ')).toBeLessThan(5000)
    runtime.advance(10)
    await turns(1)
  }
  await done
}

/** Lets time pass until an event has come. */
async function happens(event: string): Promise<void> {
  for (let looks = 0; !events.includes(event); looks++) {
    expect(looks, events.join('; ')).toBeLessThan(5000)
    runtime.advance(10)
    await turns(1)
  }
}

/** As when the coordinator has started anew, or the session timed out. */
async function forgetMember(): Promise<void> {
  const { memberId } = await member.stableGeneration()
  const request = createLeaveGroupRequest({
    groupId: group,
    members: [createLeaveGroupRequestMemberIdentity({ memberId })],
  })
  await pass(connection.exchange(leaveGroup, request))
}

test('nothing is taken up of an assignment that was lost, and what was owned comes anew', async () => {
  rounds = [
    [0, 1],
    [0, 2],
    [0, 2],
  ]
  member.start()
  await happens('settled')
  events.length = 0
  member.resubscribe()
  await happens('revoked 1')
  await forgetMember()
  await happens('lost 0')
  giveUp()
  await happens('settled')
  expect(events).toEqual(['revoked 1', 'lost 0', 'assigned 0,2', 'settled'])
})

test('a commit of what is given up does not wait for a generation that waits for it', async () => {
  rounds = [[0, 1], [0], [0]]
  member.start()
  await happens('settled')
  member.resubscribe()
  await happens('revoked 1')
  await forgetMember()
  await happens('lost 0')
  const committing = member.stableGeneration()
  await expect(pass(committing)).rejects.toThrow('no longer a member of group')
  giveUp()
})

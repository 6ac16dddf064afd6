/**
 * Fetch, its sessions, and ListOffsets: our broker answers what Apache Kafka answers, word for word. What differs on
 * purpose is in docs/gaps.md, and left out here.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'
import { openOurs, openTheirs, type Peer } from './peer.ts'
import { type LookUp, ReadTranscript, type Want, waitMs } from './read-transcript.ts'

type Scenario = (transcript: ReadTranscript, peer: Peer) => Promise<void>

describeJava('reading as from Apache Kafka', () => {
  let kafka: ApacheKafka
  beforeAll(async () => {
    // The records are old by their timestamps.
    const properties = { 'auto.create.topics.enable': false, 'log.retention.ms': -1 }
    kafka = await startApacheKafka({ properties })
  })
  afterAll(() => kafka?.stop())

  async function alike(version: number, scenario: Scenario): Promise<void> {
    const transcripts: string[][] = []
    for (const open of [() => openTheirs(kafka), openOurs]) {
      const peer = await open()
      const transcript = new ReadTranscript(peer, version)
      try {
        await scenario(transcript, peer)
      } finally {
        await peer.close()
      }
      transcripts.push(transcript.lines)
    }
    expect(transcripts[1]).toEqual(transcripts[0])
    expect(transcripts[0]!.length).toBeGreaterThan(5)
  }

  test.each([7, 12, 13, 17])('a session, version %i', (version) =>
    alike(version, async (t) => {
      const [a, b, no] = [`a${version}`, `b${version}`, 'nowhere']
      await t.create(a, 3)
      await t.create(b, 1)
      await t.produce(a, 0, 'one')
      await t.fetch('no session, epoch 5', { session: [0, 5], wants: [[a, 0]] })
      await t.fetch('no session, epoch -2', { session: [0, -2], wants: [[a, 0]] })
      const opening = { session: [0, 0] as const }
      const s = await t.fetch('opened', {
        ...opening,
        wants: [
          [a, 0],
          [a, 1],
          [b, 0],
        ],
      })
      let epoch = 0
      const next = (label: string, asked: object = {}) =>
        t.fetch(label, { session: [s, ++epoch], ...asked })
      await next('moved on', { wants: [[a, 0, 1n]] })
      await t.produce(a, 1, 'two', 'three')
      await next('records')
      await next('the same records')
      await next('moved on', { wants: [[a, 1, 2n]] })
      await t.fetch('an epoch too far', { session: [s, epoch + 2], wants: [[b, 0]] })
      await t.fetch('an epoch again', { session: [s, epoch] })
      const otherVersion = version >= 13 ? 12 : 13
      await t.fetch('ids and names', { session: [s, epoch + 1], version: otherVersion })
      await next('a partition that is not there', { wants: [[a, 7]] })
      await next('still not there')
      await next('still not there, waiting', { maxWaitMs: waitMs })
      await next('a topic that is not there', { wants: [[no, 0]], forgets: [[a, 7]] })
      await next('still not there')
      await next('forgotten', { forgets: [[no, 0]] })
      await next('forgotten, though not wanted', { forgets: [[no, 3]] })
      await next('changed and forgotten', { wants: [[b, 0]], forgets: [[b, 0]] })
      await next('back', { wants: [[b, 0]] })
      await next('out of range', { wants: [[b, 0, 9n]], maxWaitMs: waitMs })
      await next('still out of range')
      await next('in range', { wants: [[b, 0, 0n]] })
      await next('nothing new')
      await t.deleteRecords(a, 1, 1n)
      await next('another log start')
      const all = [a, a, b].map((topic, i) => [topic, i % 2] as const)
      await next('all forgotten', { forgets: all })
      await next('after that')
      const empty = await t.fetch('opened without partitions', opening)
      await t.fetch('with one', { session: [empty, 1], wants: [[b, 0]] })
      await t.fetch('closed', { session: [empty, -1], wants: [[a, 0]] })
      await t.fetch('after that', { session: [empty, 2] })
    }),
  )

  test.each([12, 17])('a topic that is deleted, version %i', (version) =>
    alike(version, async (t) => {
      const [stays, goes] = [`stays${version}`, `goes${version}`]
      await t.create(stays, 1)
      await t.create(goes, 1)
      await t.produce(goes, 0, 'one')
      const wants: Want[] = [
        [stays, 0],
        [goes, 0],
      ]
      const s = await t.fetch('opened', { session: [0, 0], wants })
      await t.remove(goes)
      await t.fetch('gone', { session: [s, 1] })
      await t.fetch('gone, without a session', { wants: [[goes, 0]] })
      const { useNew } = await t.replace(goes)
      await t.fetch('replaced', { session: [s, 2] })
      await t.fetch('still', { session: [s, 3] })
      await t.fetch('replaced, without a session', { wants: [[goes, 0]] })
      useNew()
      await t.fetch('the new one', { wants: [[goes, 0]] })
    }),
  )

  test.each([4, 11, 12, 17])('without a session, version %i', (version) =>
    alike(version, async (t) => {
      const [a, b, no] = [`c${version}`, `d${version}`, 'nowhere']
      await t.create(a, 2)
      await t.create(b, 1)
      await t.produce(a, 0, 'one')
      await t.produce(a, 1, 'two', 'three')
      await t.deleteRecords(a, 1, 1n)
      const both = [
        [a, 0, 0n],
        [a, 1, 1n],
      ] as const
      const maxWaitMs = waitMs
      // Apache Kafka puts what is not there at the end.
      const notAll: Want[] = [
        [b, 0],
        [no, 0],
      ]
      await t.fetch('not all there', { wants: notAll, maxWaitMs })
      await t.fetch('only not there', { wants: [[no, 0]], maxWaitMs })
      const nothing: Want[] = [
        [no, 0],
        [a, 9],
      ]
      await t.fetch('nothing there', { wants: nothing, maxWaitMs })
      await t.fetch('named twice', { wants: [[a, 0, 1n], ...both.slice(1), [a, 0, 0n]] })
      await t.fetch('nothing comes', { wants: [[b, 0]], maxWaitMs })
      await t.fetch('nothing is waited for', { wants: [[b, 0]], minBytes: 0, maxWaitMs })
      await t.fetch('a negative wait', { wants: [[b, 0]], maxWaitMs: -5 })
      await t.fetch('no bytes', { wants: both, maxBytes: 0 })
      await t.fetch('one byte', { wants: both, maxBytes: 1 })
      const none = { partitionMaxBytes: 0 }
      await t.fetch('no bytes of a partition', {
        wants: both.map(([...want]) => [...want, none] as const),
      })
      await t.fetch('below the log start', { wants: [[a, 1, 0n]] })
      await t.fetch('a negative offset', { wants: [[a, 0, -1n]] })
      await t.fetch('read committed', { wants: both, isolationLevel: 1 })
      await t.fetch('out of range', { wants: [[a, 0, 7n]], isolationLevel: 1, maxWaitMs })
      if (version < 9) return
      const epochs = [0, 1000].map((e, i) => [a, i, 1n, { currentLeaderEpoch: e }] as const)
      await t.fetch('leader epochs', { wants: epochs, maxWaitMs })
    }),
  )

  test('offsets', () =>
    alike(12, async (t) => {
      await t.create('offsets', 2)
      for (const timestamp of [10, 30, 20, 30]) await t.produce('offsets', 0, timestamp)
      await t.create('cut', 1)
      await t.produce('cut', 0, 'a', 'b')
      await t.deleteRecords('cut', 0, 1n)
      const special = [-1n, -2n, -3n, -4n, -5n, -6n, -7n, -100n]
      for (const version of [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]) {
        for (const timestamp of [...special, 0n, 10n, 11n, 30n, 31n]) {
          const wanted: LookUp[] = [
            ['offsets', 0, timestamp],
            ['offsets', 1, timestamp],
          ]
          // Apache Kafka finds the largest timestamp below the log start.
          if (timestamp !== -3n) wanted.push(['cut', 0, timestamp])
          await t.lookUp(`${timestamp}`, version, wanted)
        }
      }
      const missing: LookUp[] = [
        ['nowhere', 0, -1n],
        ['offsets', 9, -1n],
      ]
      await t.lookUp('not there', 9, missing)
      const twice: LookUp[] = [
        ['offsets', 0, -1n],
        ['offsets', 0, -2n],
        ['offsets', 1, -2n],
      ]
      await t.lookUp('twice', 9, twice)
      const epochs: LookUp[] = [
        ['offsets', 0, -1n, 0],
        ['offsets', 1, -1n, 7],
      ]
      await t.lookUp('leader epochs', 9, epochs)
    }))

  test('after a kill, with another leader epoch', () =>
    alike(17, async (t, peer) => {
      await t.create('killed', 2)
      await t.create('empty', 1)
      await t.produce('killed', 0, 'one')
      await peer.restart()
      await t.ready('killed', 2)
      await t.ready('empty', 1)
      const now = await t.epochOf('killed', 0)
      expect(now).toBeGreaterThan(0)
      await t.produce('killed', 0, 'two')
      await t.fetch('both', { wants: [['killed', 0]] })
      const asked = (offset: bigint, fields: object): Want[] => [['killed', 0, offset, fields]]
      for (const currentLeaderEpoch of [0, now, now + 1]) {
        await t.fetch('leader epoch', { wants: asked(0n, { currentLeaderEpoch }) })
      }
      const last: [bigint, number][] = [0n, 1n, 2n, 5n].map((offset) => [offset, 0])
      last.push([1n, now], [2n, now], [3n, now], [1n, now + 1], [0n, -1])
      for (const [offset, lastFetchedEpoch] of last) {
        await t.fetch('epoch of the last record', {
          wants: asked(offset, { lastFetchedEpoch }),
          maxWaitMs: 0,
        })
      }
      for (const timestamp of [-1n, -2n, -3n, -4n, 0n, 1_700_000_000_000n]) {
        const everywhere: LookUp[] = ['killed', 'empty'].map((topic) => [topic, 0, timestamp])
        await t.lookUp(`${timestamp}`, 11, everywhere)
      }
    }))
})

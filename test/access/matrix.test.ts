/**
 * Who may do what: every API × its resources × allowed, denied and another's, on our broker, beside what an Apache Kafka
 * with its StandardAuthorizer and the same rights answers (`matrix-answers.json`).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createAcls,
  createCreateAclsRequest,
} from '../../src/protocol/messages/generated/create-acls.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import { createMetadataRequest, metadata } from '../../src/protocol/messages/generated/metadata.ts'
import { type GuardedBroker, openGuarded, userSession } from './guarded-broker.ts'
import {
  gist,
  matrixAcls,
  matrixAnswers,
  matrixCallers,
  matrixCases,
  matrixDifferences,
  matrixTopics,
  named,
} from './matrix-cases.ts'

const ids = new Map<string, string>()
let guarded: GuardedBroker

beforeAll(async () => {
  guarded = await openGuarded({ superUsers: ['User:admin'] })
  const admin = guarded.as(userSession('admin'))
  const topics = matrixTopics.map((name) =>
    createCreateTopicsRequestCreatableTopic({ name, numPartitions: 1, replicationFactor: 1 }),
  )
  await admin(createTopics, createCreateTopicsRequest({ topics }))
  await admin(createAcls, createCreateAclsRequest({ creations: matrixAcls }))
  const seen = await admin(metadata, createMetadataRequest({ topics: null }))
  for (const name of matrixTopics)
    ids.set(name, seen.topics.find((topic) => topic.name === name)!.topicId)
})
afterAll(() => guarded.close())

const caseNames = matrixCases(new Map(matrixTopics.map((name) => [name, name])))

test('what is written down is of these cases', () => {
  const known = matrixCallers.flatMap((caller) => caseNames.map(({ name }) => `${caller}: ${name}`))
  expect(Object.keys(matrixAnswers).sort()).toEqual(known.sort())
  expect(Object.keys(matrixDifferences).filter((name) => !known.includes(name))).toEqual([])
})

describe.each(matrixCallers)('as %s', (caller) => {
  test.each(caseNames.map(({ name }, i) => [name, i] as const))('%s', async (name, index) => {
    const { api, request, maxVersion = api.maxVersion } = matrixCases(ids)[index]!
    const answer = await guarded.as(userSession(caller))(api, request, maxVersion)
    const names = new Map([...ids].map(([topic, id]) => [id, topic]))
    const ours = JSON.parse(JSON.stringify(gist(named(answer, names)) ?? null))
    const place = `${caller}: ${name}`
    const theirs = matrixAnswers[place] ?? null
    if (matrixDifferences[place] === undefined) expect(ours).toEqual(theirs)
    else expect(ours, matrixDifferences[place]).not.toEqual(theirs)
  })
})

/**
 * DescribeUserScramCredentials and AlterUserScramCredentials v0 (KIP-554): users with passwords, as `kafka-configs` shows
 * and changes them. A request for one user is all or nothing.
 */

import { wholeFilter } from '../../backend/access-filter.ts'
import { clusterDenied, needs } from '../../backend/acl-filters.ts'
import type { HallApi } from '../../backend/hall.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type AlterUserScramCredentialsRequest,
  type AlterUserScramCredentialsResponse,
  alterUserScramCredentials,
  createAlterUserScramCredentialsResponse,
  createAlterUserScramCredentialsResponseAlterUserScramCredentialsResult,
} from '../../protocol/messages/generated/alter-user-scram-credentials.ts'
import {
  createDescribeUserScramCredentialsResponse,
  createDescribeUserScramCredentialsResponseCredentialInfo,
  createDescribeUserScramCredentialsResponseDescribeUserScramCredentialsResult,
  type DescribeUserScramCredentialsRequest,
  type DescribeUserScramCredentialsResponse,
  describeUserScramCredentials,
} from '../../protocol/messages/generated/describe-user-scram-credentials.ts'
import { scramIterations, scramRecordOf } from '../sasl/scram-server.ts'
import {
  noScram,
  type ScramMechanism,
  type ScramRecord,
  scramName,
  scramRecord,
} from '../state/access-state.ts'
import type { StateRecord } from '../state/state-topic.ts'
import { hallApi, noError, refusalOf, refuse } from './hall-api.ts'

export interface ScramApisParts {
  readonly scram: ReadonlyMap<string, ScramRecord>
  readonly write: (records: readonly StateRecord[]) => Promise<void>
}

/** Kafka's numbers. */
const mechanisms: ReadonlyMap<number, ScramMechanism> = new Map([
  [1, 'SCRAM-SHA-256'],
  [2, 'SCRAM-SHA-512'],
])
const mechanismCodes = { 'SCRAM-SHA-256': 1, 'SCRAM-SHA-512': 2 } as const
const userLengthMax = 255

export function scramApis(parts: ScramApisParts): HallApi[] {
  return [
    hallApi(
      describeUserScramCredentials,
      wholeFilter(needs('describe'), ({ users }) =>
        createDescribeUserScramCredentialsResponse({
          ...clusterDenied,
          // Apache Kafka does not say which is which either.
          results: users?.map(() =>
            createDescribeUserScramCredentialsResponseDescribeUserScramCredentialsResult(
              clusterDenied,
            ),
          ),
        }),
      ),
      async (request) => describe(parts, request),
    ),
    hallApi(
      alterUserScramCredentials,
      wholeFilter(needs('alter'), (request) =>
        createAlterUserScramCredentialsResponse({
          results: usersOf(request).map((user) =>
            createAlterUserScramCredentialsResponseAlterUserScramCredentialsResult({
              user,
              ...clusterDenied,
            }),
          ),
        }),
      ),
      (request) => alter(parts, request),
    ),
  ]
}

function describe(
  { scram }: ScramApisParts,
  { users }: DescribeUserScramCredentialsRequest,
): DescribeUserScramCredentialsResponse {
  const byUser = new Map<string, ScramRecord[]>()
  for (const record of scram.values())
    byUser.set(record.user, [...(byUser.get(record.user) ?? []), record])
  const isAll = users === null || users.length === 0
  const names = isAll ? [...byUser.keys()].sort() : users.map(({ name }) => name)
  const asked = new Map<string, number>()
  for (const name of names) asked.set(name, (asked.get(name) ?? 0) + 1)
  return createDescribeUserScramCredentialsResponse({
    ...noError,
    results: [...asked].map(([user, times]) => {
      const found = byUser.get(user)
      const refusal =
        times > 1
          ? {
              errorCode: errorCode('DUPLICATE_RESOURCE'),
              errorMessage: `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`,
            }
          : found
            ? noError
            : {
                errorCode: errorCode('RESOURCE_NOT_FOUND'),
                errorMessage: `Attempt to describe a user credential that does not exist: ${user}`,
              }
      return createDescribeUserScramCredentialsResponseDescribeUserScramCredentialsResult({
        user,
        ...refusal,
        credentialInfos: (times > 1 ? [] : (found ?? []))
          .map(({ mechanism, iterations }) => ({
            mechanism: mechanismCodes[mechanism],
            iterations,
          }))
          .sort((a, b) => a.mechanism - b.mechanism)
          .map(createDescribeUserScramCredentialsResponseCredentialInfo),
      })
    }),
  })
}

async function alter(
  { scram, write }: ScramApisParts,
  request: AlterUserScramCredentialsRequest,
): Promise<AlterUserScramCredentialsResponse> {
  const records: StateRecord[] = []
  const results = usersOf(request).map((user) => {
    try {
      records.push(...recordsFor(user, request, scram))
      return { user, ...noError }
    } catch (error) {
      return { user, ...refusalOf(error) }
    }
  })
  await write(records)
  return createAlterUserScramCredentialsResponse({
    results: results.map(createAlterUserScramCredentialsResponseAlterUserScramCredentialsResult),
  })
}

function usersOf({ deletions, upsertions }: AlterUserScramCredentialsRequest): string[] {
  return [...new Set([...deletions, ...upsertions].map(({ name }) => name))]
}

/** What changes for one user. Throws `KafkaError`. */
function recordsFor(
  user: string,
  { deletions, upsertions }: AlterUserScramCredentialsRequest,
  scram: ScramApisParts['scram'],
): StateRecord[] {
  const gone = deletions.filter(({ name }) => name === user)
  const set = upsertions.filter(({ name }) => name === user)
  if (user === '') throw refuse('UNACCEPTABLE_CREDENTIAL', 'Username must not be empty')
  if (user.length > userLengthMax)
    throw refuse('UNACCEPTABLE_CREDENTIAL', `Username is longer than ${userLengthMax} characters`)
  const touched = [...gone, ...set].map(({ mechanism }) => mechanism)
  if (touched.length > new Set(touched).size)
    throw refuse(
      'DUPLICATE_RESOURCE',
      'A user credential cannot be altered twice in the same request',
    )
  const mechanismOf = (code: number): ScramMechanism => {
    const mechanism = mechanisms.get(code)
    if (mechanism) return mechanism
    throw refuse('UNSUPPORTED_SASL_MECHANISM', 'Unknown SCRAM mechanism')
  }
  return [
    ...gone.map(({ mechanism: code }) => {
      const mechanism = mechanismOf(code)
      if (scram.has(scramName(mechanism, user))) return noScram(mechanism, user)
      throw refuse('RESOURCE_NOT_FOUND', 'Attempt to delete a user credential that does not exist')
    }),
    ...set.map(({ mechanism: code, iterations, salt, saltedPassword }) => {
      const mechanism = mechanismOf(code)
      if (iterations < scramIterations.min)
        throw refuse('UNACCEPTABLE_CREDENTIAL', 'Too few iterations')
      if (iterations > scramIterations.max)
        throw refuse('UNACCEPTABLE_CREDENTIAL', 'Too many iterations')
      if (salt.length === 0 || saltedPassword.length === 0)
        throw refuse('UNACCEPTABLE_CREDENTIAL', 'Salt and salted password must not be empty')
      return scramRecord(scramRecordOf(user, mechanism, salt, saltedPassword, iterations))
    }),
  ]
}

/** Quotas of users and clients (KIP-546: DescribeClientQuotas, AlterClientQuotas). */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid, isPlainObject, unknownOption } from '../../core/options.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  alterClientQuotas,
  createAlterClientQuotasRequest,
  createAlterClientQuotasRequestEntityData,
  createAlterClientQuotasRequestEntryData,
  createAlterClientQuotasRequestOpData,
} from '../../protocol/messages/generated/alter-client-quotas.ts'
import {
  createDescribeClientQuotasRequest,
  describeClientQuotas,
} from '../../protocol/messages/generated/describe-client-quotas.ts'
import type { Cluster } from '../cluster.ts'

/** The entity of a quota; null is the default for all without their own. */
export interface QuotaEntity {
  readonly user?: string | null | undefined
  readonly clientId?: string | null | undefined
  /** An address. */
  readonly ip?: string | null | undefined
}

/** The quotas of one entity, by Kafka's names, as returned by `admin.listQuotas`. */
export interface Quota {
  readonly entity: QuotaEntity
  readonly quotas: { readonly [name: string]: number }
}

/** By Kafka's names, such as `producer_byte_rate` (bytes per second); null removes one. */
export interface QuotaChanges {
  readonly [name: string]: number | null
}

const kafkaNames = { user: 'user', clientId: 'client-id', ip: 'ip' } as const
type EntityKind = keyof typeof kafkaNames
const kinds = Object.keys(kafkaNames) as readonly EntityKind[]

export async function listQuotas(cluster: Cluster): Promise<Quota[]> {
  return cluster.retrying('list the quotas', {}, async (call) => {
    const request = createDescribeClientQuotasRequest()
    const response = await cluster.exchange(describeClientQuotas, request, call)
    const { errorCode, errorMessage: message, entries } = response
    if (errorCode !== 0) throw errorFrom(errorCode, message ? { message } : {})
    return (entries ?? [])
      .map(({ entity, values }) => ({
        entity: Object.fromEntries(
          entity.map((one) => [kindOf(one.entityType), one.entityName]),
        ) as QuotaEntity,
        quotas: Object.fromEntries(values.map(({ key, value }) => [key, value])),
      }))
      .sort((a, b) => (JSON.stringify(a.entity) < JSON.stringify(b.entity) ? -1 : 1))
  })
}

export async function alterQuotas(
  cluster: Cluster,
  entity: QuotaEntity,
  changes: QuotaChanges,
): Promise<void> {
  const entry = createAlterClientQuotasRequestEntryData({
    entity: kinds
      .filter((kind) => entity[kind] !== undefined)
      .map((kind) =>
        createAlterClientQuotasRequestEntityData({
          entityType: kafkaNames[kind],
          entityName: entity[kind] ?? null,
        }),
      ),
    ops: Object.entries(changes).map(([key, value]) =>
      createAlterClientQuotasRequestOpData({ key, value: value ?? 0, remove: value === null }),
    ),
  })
  await cluster.retrying('change quotas', {}, async (call) => {
    const request = createAlterClientQuotasRequest({ entries: [entry], validateOnly: false })
    const response = await cluster.exchange(alterClientQuotas, request, call)
    for (const { errorCode, errorMessage: message } of response.entries)
      if (errorCode !== 0) throw errorFrom(errorCode, message ? { message } : {})
  })
}

function kindOf(type: string): string {
  return kinds.find((kind) => kafkaNames[kind] === type) ?? type
}

/** Throws `ConfigError`. */
export function checkQuotas(entity: QuotaEntity, changes: QuotaChanges): void {
  checkEntity(entity)
  checkChanges(changes)
}

function checkEntity(entity: unknown): asserts entity is QuotaEntity {
  const isGiven =
    isPlainObject(entity) && Object.values(entity as object).some((one) => one !== undefined)
  if (!isGiven)
    throw invalid(
      `alterQuotas needs an entity, such as { user: 'alice' }; got ${inspectBriefly(entity)}`,
    )
  for (const [kind, name] of Object.entries(entity as object)) {
    if (!(kinds as readonly string[]).includes(kind)) throw unknownOption('The entity', kind, kinds)
    if (name !== null && name !== undefined && (typeof name !== 'string' || name === ''))
      throw invalid(
        `The entity's ${kind} must be a name, or null for all others; got ${inspectBriefly(name)}`,
      )
  }
}

function checkChanges(changes: unknown): asserts changes is QuotaChanges {
  if (!isPlainObject(changes) || Object.keys(changes as object).length === 0)
    throw invalid(
      `alterQuotas takes quotas by name, such as { producer_byte_rate: 1048576 }; got ${inspectBriefly(changes)}`,
    )
  for (const [name, value] of Object.entries(changes as object)) {
    const isNumber = typeof value === 'number' && Number.isFinite(value) && value > 0
    if (value !== null && !isNumber)
      throw invalid(
        `The quota ${name} must be a number greater than 0, or null; got ${inspectBriefly(value)}`,
      )
  }
}

/**
 * DescribeClientQuotas and AlterClientQuotas v0–1 (KIP-546): quotas as `kafka-configs` shows and changes them. Entities are
 * users (the id of a key is one), client ids, and both together.
 */

import { wholeFilter } from '../../backend/access-filter.ts'
import { clusterDenied, needs } from '../../backend/acl-filters.ts'
import type { HallApi } from '../../backend/hall.ts'
import { KafkaError } from '../../core/errors.ts'
import {
  type AlterClientQuotasRequest,
  type AlterClientQuotasRequestEntityData,
  type AlterClientQuotasRequestEntryData,
  type AlterClientQuotasResponse,
  alterClientQuotas,
  createAlterClientQuotasResponse,
  createAlterClientQuotasResponseEntryData,
} from '../../protocol/messages/generated/alter-client-quotas.ts'
import {
  createDescribeClientQuotasResponse,
  type DescribeClientQuotasRequest,
  type DescribeClientQuotasRequestComponentData,
  type DescribeClientQuotasResponse,
  describeClientQuotas,
} from '../../protocol/messages/generated/describe-client-quotas.ts'
import { quotaKeys } from '../quotas/quotas.ts'
import {
  type QuotaEntity,
  type QuotaEntityType,
  type QuotaRecord,
  quotaName,
  quotaRecord,
} from '../state/access-state.ts'
import type { StateRecord } from '../state/state-topic.ts'
import { hallApi, noError, refusalOf, refuse } from './hall-api.ts'

export interface QuotaApisParts {
  readonly quotas: ReadonlyMap<string, QuotaRecord>
  readonly write: (records: readonly StateRecord[]) => Promise<void>
}

const entityTypes: readonly QuotaEntityType[] = ['user', 'client-id']
const matchTypes = { exact: 0, default: 1, any: 2 } as const
const nameLengthMax = 255

export function quotaApis(parts: QuotaApisParts): HallApi[] {
  return [
    hallApi(
      describeClientQuotas,
      wholeFilter(needs('describeConfigs'), () =>
        createDescribeClientQuotasResponse({ ...clusterDenied, entries: null }),
      ),
      async (request) => describe(parts, request),
    ),
    hallApi(
      alterClientQuotas,
      wholeFilter(needs('alterConfigs'), ({ entries }) =>
        createAlterClientQuotasResponse({
          entries: entries.map(({ entity }) =>
            createAlterClientQuotasResponseEntryData({ entity, ...clusterDenied }),
          ),
        }),
      ),
      (request) => alter(parts, request),
    ),
  ]
}

function describe(
  { quotas }: QuotaApisParts,
  { components, strict }: DescribeClientQuotasRequest,
): DescribeClientQuotasResponse {
  try {
    checkComponents(components)
  } catch (error) {
    return createDescribeClientQuotasResponse({ ...refusalOf(error), entries: null })
  }
  const found = [...quotas.values()].filter(({ entity }) => isMatch(entity, components, strict))
  return createDescribeClientQuotasResponse({
    ...noError,
    entries: found.map(({ entity, values }) => ({
      entity: Object.entries(entity).map(([entityType, entityName]) => ({
        entityType,
        entityName: entityName ?? null,
      })),
      values: Object.entries(values).map(([key, value]) => ({ key, value })),
    })),
  })
}

/** Throws `KafkaError` INVALID_REQUEST. */
function checkComponents(components: readonly DescribeClientQuotasRequestComponentData[]): void {
  const seen = new Set<string>()
  for (const { entityType, matchType, match } of components) {
    if (entityType === '')
      throw refuse('INVALID_REQUEST', 'Unexpected empty filter component entity type')
    if (seen.has(entityType))
      throw refuse('INVALID_REQUEST', `Duplicate ${entityType} filter component entity type`)
    seen.add(entityType)
    if (![...entityTypes, 'ip'].includes(entityType as QuotaEntityType))
      throw refuse('UNSUPPORTED_VERSION', `Custom entity type '${entityType}' not supported`)
    const isExact = matchType === matchTypes.exact
    if (isExact ? match === null : match !== null || ![1, 2].includes(matchType))
      throw refuse('INVALID_REQUEST', `The match of ${entityType} does not fit its type`)
  }
}

function isMatch(
  entity: QuotaEntity,
  components: readonly DescribeClientQuotasRequestComponentData[],
  isStrict: boolean,
): boolean {
  if (isStrict && Object.keys(entity).length !== components.length) return false
  return components.every(({ entityType, matchType, match }) => {
    const name = entity[entityType as QuotaEntityType]
    if (name === undefined) return false
    if (matchType === matchTypes.any) return true
    return matchType === matchTypes.default ? name === null : name === match
  })
}

async function alter(
  { quotas, write }: QuotaApisParts,
  { entries, validateOnly }: AlterClientQuotasRequest,
): Promise<AlterClientQuotasResponse> {
  const changed = new Map<string, QuotaRecord>()
  const results = entries.map((entry) => {
    try {
      const entity = entityOf(entry.entity)
      const name = quotaName(entity)
      const before = (changed.get(name) ?? quotas.get(name))?.values ?? {}
      changed.set(name, { entity, values: valuesAfter(entry, before) })
      return noError
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      return refusalOf(error)
    }
  })
  if (!validateOnly) await write([...changed.values()].map(quotaRecord))
  return createAlterClientQuotasResponse({
    entries: entries.map(({ entity }, i) =>
      createAlterClientQuotasResponseEntryData({ entity, ...results[i] }),
    ),
  })
}

/** Throws `KafkaError` INVALID_REQUEST. */
function entityOf(parts: readonly AlterClientQuotasRequestEntityData[]): QuotaEntity {
  if (parts.length === 0) throw refuse('INVALID_REQUEST', 'Invalid empty client quota entity')
  const entity: { [type in QuotaEntityType]?: string | null } = {}
  for (const { entityType, entityName } of parts) {
    const type = entityTypes.find((one) => one === entityType)
    if (!type)
      throw refuse(
        'INVALID_REQUEST',
        `Quotas are for 'user' and 'client-id' here, not for '${entityType}'`,
      )
    if (type in entity)
      throw refuse('INVALID_REQUEST', `Duplicate client quota entity type ${type}`)
    if (entityName === '' || (entityName?.length ?? 0) > nameLengthMax)
      throw refuse('INVALID_REQUEST', `The name of ${type} is empty, or too long`)
    entity[type] = entityName
  }
  return entity
}

function valuesAfter(
  { ops }: AlterClientQuotasRequestEntryData,
  before: QuotaRecord['values'],
): QuotaRecord['values'] {
  const values: { [key: string]: number } = { ...before }
  for (const { key, value, remove } of ops) {
    if (remove) {
      delete values[key]
      continue
    }
    if (!quotaKeys.some((known) => known === key))
      throw refuse(
        'INVALID_REQUEST',
        key === 'request_percentage'
          ? 'request_percentage is not supported; use request_rate to limit requests per second'
          : `Invalid configuration key ${key}; known are ${quotaKeys.join(', ')}`,
      )
    if (!(value > 0) || !Number.isFinite(value))
      throw refuse('INVALID_REQUEST', `Quota ${key} must be greater than 0`)
    values[key] = value
  }
  return values
}

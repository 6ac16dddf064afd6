/** Whom a quota is for, on a command line. */
import type { Quota, QuotaEntity } from '../../client/admin/quotas.ts'
import { type FlagsOf, switchOption, valueOption } from '../shell/command.ts'
import { UsageError } from '../shell/command-error.ts'
import type { Column } from '../shell/output.ts'

export const entityOptions = {
  user: valueOption({ placeholder: 'name', doc: 'user, or id of a key' }),
  clientId: valueOption({ placeholder: 'id', doc: 'client id; with --user, both together' }),
  ip: valueOption({ placeholder: 'address', doc: 'address (Apache Kafka)' }),
  defaultUser: switchOption({ doc: 'default for users without their own quota' }),
  defaultClientId: switchOption({ doc: 'default for client ids without their own quota' }),
  defaultIp: switchOption({ doc: 'default for addresses without their own quota' }),
} as const

/** Throws `UsageError`. */
export function entityOf(flags: FlagsOf<typeof entityOptions>): QuotaEntity {
  const entity = {
    ...part('user', flags.user, flags.defaultUser),
    ...part('clientId', flags.clientId, flags.defaultClientId),
    ...part('ip', flags.ip, flags.defaultIp),
  }
  if (Object.keys(entity).length === 0)
    throw new UsageError('an entity is required: --user, --client-id, --default-user …')
  return entity
}

function part(kind: keyof QuotaEntity, name: string | undefined, isDefault: boolean): QuotaEntity {
  if (name !== undefined && isDefault)
    throw new UsageError('a name and the default exclude each other')
  if (isDefault) return { [kind]: null }
  return name === undefined ? {} : { [kind]: name }
}

/** A quota of an entity. */
export interface QuotaRow {
  readonly entity: QuotaEntity
  readonly name: string
  readonly value: number
}

export function rowsOf(quotas: readonly Quota[]): QuotaRow[] {
  return quotas.flatMap(({ entity, quotas: values }) =>
    Object.entries(values).map(([name, value]) => ({ entity, name, value })),
  )
}

const shown = (name: string | null | undefined) => (name === null ? '<default>' : name)

export const quotaColumns: readonly Column<QuotaRow>[] = [
  { title: 'USER', cell: ({ entity }) => shown(entity.user) },
  { title: 'CLIENT ID', cell: ({ entity }) => shown(entity.clientId) },
  { title: 'IP', cell: ({ entity }) => shown(entity.ip) },
  { title: 'QUOTA', cell: ({ name }) => name },
  { title: 'VALUE', cell: ({ value }) => value },
]

export function isSameEntity(a: QuotaEntity, b: QuotaEntity): boolean {
  return (['user', 'clientId', 'ip'] as const).every((kind) => a[kind] === b[kind])
}

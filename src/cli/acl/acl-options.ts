/** What rights are told apart by, on a command line. */
import type { Acl } from '../../client/admin/acls.ts'
import {
  aclOperations,
  patternTypes,
  permissions,
  resourceTypes,
} from '../../protocol/acl-codes.ts'
import { valueOption } from '../shell/command.ts'
import type { Column } from '../shell/output.ts'
import { oneOf } from '../shell/readers.ts'

function namesOf<K extends string>(codes: { readonly [name in K]: number }): readonly K[] {
  return Object.keys(codes) as K[]
}

export const resourceTypeNames = namesOf(resourceTypes)
export const operationNames = namesOf(aclOperations)
export const patternNames = namesOf(patternTypes)
export const permissionNames = namesOf(permissions)

/** Each leaves out what it does not fit; not given: any. */
export const filterOptions = {
  principal: valueOption({ placeholder: 'User:name', doc: 'only this principal' }),
  type: valueOption({
    placeholder: 'type',
    doc: `only resources of this type: ${resourceTypeNames.join(', ')}`,
    choices: resourceTypeNames,
    read: oneOf(resourceTypeNames),
  }),
  name: valueOption({
    placeholder: 'name',
    doc: 'only this resource name or prefix',
  }),
  pattern: valueOption({
    placeholder: patternNames.join('|'),
    doc: 'only literal or only prefixed ACLs',
    choices: patternNames,
    read: oneOf(patternNames),
  }),
  operation: valueOption({
    placeholder: 'operation',
    doc: 'only this operation',
    choices: operationNames,
    read: oneOf(operationNames),
  }),
  permission: valueOption({
    placeholder: permissionNames.join('|'),
    doc: 'only ACLs that allow, or that deny',
    choices: permissionNames,
    read: oneOf(permissionNames),
  }),
  host: valueOption({ placeholder: 'address', doc: 'only this address' }),
} as const

export const aclColumns: readonly Column<Acl>[] = [
  { title: 'PRINCIPAL', cell: (one) => one.principal },
  { title: 'PERMISSION', cell: (one) => one.permission },
  { title: 'OPERATION', cell: (one) => one.operation },
  { title: 'TYPE', cell: (one) => one.type },
  { title: 'NAME', cell: (one) => one.name },
  { title: 'PATTERN', cell: (one) => one.pattern },
  { title: 'HOST', cell: (one) => one.host },
]

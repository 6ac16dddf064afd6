import { expect, test } from 'vitest'
import { openTestBroker } from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createAcls,
  createCreateAclsRequest,
  createCreateAclsRequestAclCreation,
} from '../../protocol/messages/generated/create-acls.ts'
import {
  createDeleteAclsRequest,
  createDeleteAclsRequestDeleteAclsFilter,
  deleteAcls,
} from '../../protocol/messages/generated/delete-acls.ts'
import {
  createDescribeAclsRequest,
  describeAcls,
} from '../../protocol/messages/generated/describe-acls.ts'

const errorsOf = (answers: readonly { readonly errorCode: number }[]) =>
  answers.map(({ errorCode }) => errorName(errorCode))

test('without access control, every request for rights is answered SECURITY_DISABLED, each part of it', async () => {
  const { ask } = await openTestBroker()
  const described = await ask(describeAcls, createDescribeAclsRequest())
  expect(errorName(described.errorCode)).toBe('SECURITY_DISABLED')
  expect(described.errorMessage).toBe('No Authorizer is configured.')
  const creations = [1, 2].map(() => createCreateAclsRequestAclCreation())
  const created = await ask(createAcls, createCreateAclsRequest({ creations }))
  expect(errorsOf(created.results)).toEqual(['SECURITY_DISABLED', 'SECURITY_DISABLED'])
  const filters = [1, 2].map(() => createDeleteAclsRequestDeleteAclsFilter())
  const deleted = await ask(deleteAcls, createDeleteAclsRequest({ filters }))
  expect(errorsOf(deleted.filterResults)).toEqual(['SECURITY_DISABLED', 'SECURITY_DISABLED'])
})

/** The answer to requests for rights where nobody keeps any. */
import { errorCode } from '../../protocol/error-codes.ts'

export const noAuthorizer = {
  errorCode: errorCode('SECURITY_DISABLED'),
  errorMessage: 'No Authorizer is configured.',
}

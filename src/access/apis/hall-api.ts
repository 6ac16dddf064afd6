/** An API that access control answers itself. */
import type { AccessFilter } from '../../backend/access-filter.ts'
import type { HallApi } from '../../backend/hall.ts'
import type { RequestContext } from '../../backend/request-context.ts'
import { KafkaError } from '../../core/errors.ts'
import type { Api } from '../../protocol/api.ts'
import { codeOfName } from '../../protocol/error-codes.ts'

/** In all versions that its messages are known in. */
export function hallApi<Request, Response>(
  api: Api<Request, Response>,
  filter: AccessFilter<Request, Response>,
  handle: (request: Request, context: RequestContext) => Promise<Response>,
): HallApi {
  const { minVersion, maxVersion } = api
  const versions = { minVersion, maxVersion }
  return { api, filter, handle, accepted: versions, advertised: versions }
}

export interface Refusal {
  readonly errorCode: number
  readonly errorMessage: string
}

/** Kafka's clients are told of no error by null. */
export const noError = { errorCode: 0, errorMessage: null }

/** For an answer; what is no `KafkaError` is thrown again. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof KafkaError)) throw error
  return { errorCode: codeOfName(error.code), errorMessage: error.message }
}

export function refuse(code: string, message: string): KafkaError {
  return new KafkaError(message, { code })
}

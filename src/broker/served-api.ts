/** One API that the broker serves: what a handler's file declares, in one place. */
import type { AccessFilter } from '../backend/access-filter.ts'
import type { BackendApi, VersionRange } from '../backend/backend.ts'
import type { RequestContext } from '../backend/request-context.ts'
import type { Api } from '../protocol/api.ts'
import type { BrokerServices } from './services.ts'

/** Never rejects for a mistake of the client: that is an error code in the response. */
export type Handler<Services, Request, Response> = (
  services: Services,
  request: Request,
  context: RequestContext,
) => Response | Promise<Response>

// biome-ignore lint/suspicious/noExplicitAny: the table holds handlers of all requests; each entry agrees within itself.
export interface ServedApi<Request = any, Response = any> extends BackendApi<Request, Response> {
  readonly handle: Handler<BrokerServices, Request, Response>
}

interface Declaration<Services, Request, Response> {
  readonly api: Api<Request, Response>
  /** Holds a request to its caller's rights. */
  readonly filter: AccessFilter<Request, Response>
  /** Its first parameter says which parts of the broker it may touch. */
  readonly handle: Handler<Services, Request, Response>
  /** Versions that are advertised besides those that are served. */
  readonly advertised?: Partial<VersionRange>
}

/** All versions that the API's messages are known in are served. */
export function served<Services, Request, Response>({
  api,
  filter,
  handle,
  advertised = {},
}: BrokerServices extends Services ? Declaration<Services, Request, Response> : never): ServedApi<
  Request,
  Response
> {
  const { minVersion, maxVersion } = api
  return {
    api,
    filter,
    accepted: { minVersion, maxVersion },
    advertised: { minVersion, maxVersion, ...advertised },
    handle: handle as Handler<BrokerServices, Request, Response>,
  }
}

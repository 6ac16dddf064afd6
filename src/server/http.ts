/** kafka-do/http: the HTTP API as a handler, for other people's servers. */
export type { BrokerConfigInput } from '../broker/config.ts'
export type { HttpConfig } from '../http/http-config.ts'
export type { RequestOrigin } from '../http/web-adapter.ts'
export { createHttpHandler, type HttpHandler, type HttpHandlerConfig } from './http-handler.ts'

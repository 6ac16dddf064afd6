/** kafka-do/server: the broker behind a Kafka listener, from code. */
export type { BrokerConfigInput } from '../broker/config.ts'
export { createServer, type Server } from './server.ts'
export type { ServerConfig, TlsConfig } from './server-config.ts'

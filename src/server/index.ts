/** kafka-do/server: the broker behind a Kafka listener, from code. */

export type { ApiKey, CreatedKey, CreateKeyOptions, KeyAdmin } from '../backend/guard.ts'
export type { BackupProgress, BackupResult } from '../backup/backup-folder.ts'
export type { BackupOptions, BackupSink } from '../backup/backup-options.ts'
export type { BrokerConfigInput } from '../broker/config.ts'
export type { Metric, MetricValue } from '../core/metrics.ts'
export type { HttpConfig } from '../http/http-config.ts'
export type { AccessConfig, AccessMode, OAuthConfig } from './access-config.ts'
export type { FirstKey } from './access-setup.ts'
export type { ListenerStatus } from './listener.ts'
export type {
  AdvertisedConfig,
  HttpListenerConfig,
  KafkaListenerConfig,
  ListenerConfig,
  ManagementListenerConfig,
  TlsConfig,
} from './listener-config.ts'
export type { Reloaded } from './reload.ts'
export { createServer, type Server } from './server.ts'
export type { ServerConfig } from './server-config.ts'

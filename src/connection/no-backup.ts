import { ConfigError } from '../core/errors.ts'

/** Kafka's protocol knows no backup. */
export function noBackup(url: string): ConfigError {
  return new ConfigError(
    `${url} does not support backups: use the URL of the server's HTTP port (http://localhost:8080), or its data folder when it is stopped (file:./data)`,
    { code: 'INVALID_CONFIG' },
  )
}

/** Opens the client that a command works with. Its code is loaded here, so that commands without one start sooner. */
import { existsSync } from 'node:fs'
import { folderOfUrl } from '../../core/folder-url.ts'
import type { Client } from '../../entry/client.ts'
import { createConsoleLogger } from '../console-logger.ts'
import { NotFoundError } from '../shell/command-error.ts'
import type { Io } from '../shell/io.ts'
import type { ConnectionFlags } from './connection-options.ts'
import { targetOf } from './target.ts'

export async function openClient(
  flags: Partial<ConnectionFlags>,
  io: Io,
  { create = false } = {},
): Promise<Client> {
  const { url, source, config } = targetOf(flags, io.environment)
  if (!create) checkFolderIsThere(url, source)
  const { Client } = await import('../../entry/client.ts')
  return new Client({
    ...config,
    ...(flags.timeout !== undefined && { timeout: flags.timeout }),
    clientId: 'kafka-do-cli',
    // What is followed may get partitions.
    metadataMaxAge: '10s',
    ...(flags.verbose && { logger: createConsoleLogger('debug', 'text') }),
  })
}

/** Opening a data folder would make it. Throws `NotFoundError`. */
export function checkFolderIsThere(url: string, source: string): void {
  if (!url.startsWith('file:')) return
  const folder = folderOfUrl(url, source)
  if (existsSync(folder)) return
  throw new NotFoundError(`there is no data folder ${folder}`, {
    code: 'NO_DATA_FOLDER',
    hint:
      source === 'default'
        ? 'No connection is configured: use --url, set KAFKA_DO_URL, or save a connection with kafka-do context add'
        : undefined,
  })
}

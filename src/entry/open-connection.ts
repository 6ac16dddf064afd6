/**
 * Composition: the connection that a URL calls for. Brokers and sockets are loaded only when they are wanted, so a client of
 * a remote cluster carries none of a broker's code along.
 */
import type { BrokerConfigInput } from '../broker/config.ts'
import type { ResolvedClientConfig } from '../client/config.ts'
import { type SchemeName, schemeOf } from '../client/url-schemes.ts'
import type { Connection } from '../connection/connection.ts'
import { EmbeddedConnection } from '../connection/embedded.ts'
import { folderOfUrl } from '../core/folder-url.ts'
import { isPlainObject, type OptionTable, shaped } from '../core/options.ts'
import { openOverHttp } from './open-over-http.ts'
import { loadPost, openOverTcp } from './open-over-tcp.ts'
import { openInMemory, openOnFolder } from './shared-brokers.ts'

/**
 * What a client takes besides its own options, for the schemes that have a broker with them. It checks
 * its settings when it is opened: only then is its code there.
 */
export const embeddedOptions: OptionTable<{ broker: BrokerConfigInput | undefined }> = {
  broker: shaped(undefined, 'an object with settings of a broker', isSettings),
}

function isSettings(value: unknown): value is BrokerConfigInput {
  return isPlainObject(value)
}

/** Throws `ConfigError` for a URL that cannot be used. Opens nothing yet. */
export function openConnection(
  config: ResolvedClientConfig,
  broker: BrokerConfigInput | undefined,
): Connection {
  const { url, urlName } = config
  const { name } = schemeOf(url, urlName)
  return openers[name](config, broker)
}

type Opener = (config: ResolvedClientConfig, broker: BrokerConfigInput | undefined) => Connection

const openers: { readonly [name in SchemeName]: Opener } = {
  memory: ({ url, clientId, runtime }, broker) =>
    new EmbeddedConnection(url, clientId, runtime, () => openInMemory(runtime, broker)),
  file: ({ url, urlName, clientId, runtime }, broker) => {
    const folder = folderOfUrl(url, urlName)
    return new EmbeddedConnection(url, clientId, runtime, () =>
      openOnFolder(folder, runtime, broker),
    )
  },
  kafka: openOverTcp,
  'kafka+tls': openOverTcp,
  http: (config) => openOverHttp(config, loadPost),
  https: (config) => openOverHttp(config, loadPost),
}

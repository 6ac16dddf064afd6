/** SASL PLAIN (RFC 4616): the user is an API key's id, the password its secret, or the whole key. */

import type { Identity } from '../../backend/session.ts'
import { decodeUtf8, emptyBytes } from '../../core/bytes.ts'
import { keyPrefix, parseKey } from '../keys/api-key.ts'
import { type ServerConversation, saslRefused } from './server-mechanism.ts'

export function plainServer(
  identifyKey: (id: string, secret: string) => Identity,
): ServerConversation {
  return {
    next(message) {
      const parts = decodeUtf8(message).split('\0')
      const [authorizeAs, user, password] = parts
      if (parts.length !== 3 || !user || !password)
        throw saslRefused(
          'SASL PLAIN takes a user name and a password: the id and the secret of a key',
        )
      if (authorizeAs !== '' && authorizeAs !== user)
        throw saslRefused(
          'Acting for another user is not supported: leave the authorization id empty',
        )
      const isWhole = password.startsWith(keyPrefix)
      const key = isWhole ? parseKey(password) : { id: user, secret: password }
      if (!key)
        throw saslRefused('The API key is mistyped or truncated: its checksum does not match')
      if (key.id !== user) throw saslRefused('The user name is not the id of the API key')
      return { message: emptyBytes, identity: identifyKey(key.id, key.secret) }
    },
  }
}

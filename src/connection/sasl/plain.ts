/** SASL PLAIN (RFC 4616): user name and password in clear, so over TLS or on a trusted network only. */
import { encodeUtf8 } from '../../core/bytes.ts'
import type { SaslConversation, SaslCredentials } from './mechanism.ts'

export function plainConversation({
  username = '',
  password = '',
}: SaslCredentials): SaslConversation {
  return {
    start: () => encodeUtf8(`\0${username}\0${password}`),
    next: () => Promise.resolve(undefined),
  }
}

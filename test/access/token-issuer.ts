/** An issuer of tokens on this machine, with one key. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

export interface TokenIssuer {
  /** For `ServerConfig.oauth`. */
  readonly config: { readonly issuer: string; readonly audience: string; readonly jwksUrl: string }
  /** A token of `user` that lasts so long. */
  tokenFor(user: string, lifetimeSeconds?: number): Promise<string>
  close(): Promise<void>
}

export async function openTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }]
  const http = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys }))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  const issuer = 'https://issuer.example'
  return {
    config: { issuer, audience: 'events', jwksUrl: `http://127.0.0.1:${port}/jwks` },
    tokenFor: (user, lifetimeSeconds = 60) =>
      new SignJWT({ iss: issuer, aud: 'events', sub: user })
        .setExpirationTime(Math.floor(Date.now() / 1000) + lifetimeSeconds)
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .sign(privateKey),
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections()
        http.close(() => resolve())
      }),
  }
}

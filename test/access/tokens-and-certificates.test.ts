/** Callers that other authorities vouch for: issuers of tokens, and certificates. */
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { AccessGuard } from '../../src/access/access-guard.ts'
import { OAuthTokens, oauthServer } from '../../src/access/sasl/oauth.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import { Client } from '../../src/entry/client.ts'
import { distinguishedName } from '../../src/server/client-certificate.ts'
import { parsePrincipalMapping } from '../../src/server/principal-mapping.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { testCert, testKey } from '../server/test-certificate.ts'
import { origin } from './guarded-broker.ts'

describe('a token', () => {
  let http: HttpServer
  let published: object[] = []
  let asked = 0
  let first: Awaited<ReturnType<typeof generateKeyPair>>
  let second: Awaited<ReturnType<typeof generateKeyPair>>
  let issuer: { issuer: string; audience: string; jwksUrl: string; principalClaim: string }

  beforeAll(async () => {
    first = await generateKeyPair('RS256')
    second = await generateKeyPair('ES256')
    published = [{ ...(await exportJWK(first.publicKey)), kid: 'one', alg: 'RS256' }]
    http = createHttpServer((_, response) => {
      asked++
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ keys: published }))
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    issuer = {
      ...{ issuer: 'https://issuer.example', audience: 'events', principalClaim: 'sub' },
      jwksUrl: `http://127.0.0.1:${port}/jwks`,
    }
  })
  afterAll(() => new Promise((resolve) => http.close(resolve)))

  interface Claims {
    readonly iss?: string
    readonly aud?: string
    readonly sub?: string
    readonly exp?: number | undefined
  }

  function sign(
    claims: Claims = {},
    key = first.privateKey,
    header = { alg: 'RS256', kid: 'one' },
  ) {
    const exp = Math.floor(Date.now() / 1000) + 60
    const all = { iss: issuer.issuer, aud: 'events', sub: 'alice', exp, ...claims }
    return new SignJWT(all as JWTPayload).setProtectedHeader(header).sign(key)
  }

  const identify = async (token: string) => {
    const tokens = new OAuthTokens([issuer], Date.now)
    return tokens.identify(token)
  }

  test('of an issuer on the list names a principal, until it runs out', async () => {
    const exp = Math.floor(Date.now() / 1000) + 100
    expect(await identify(await sign({ exp }))).toEqual({
      principal: { type: 'User', name: 'alice' },
      authentication: 'token',
      expiresAt: exp * 1000,
    })
    const guard = new AccessGuard({ runtime: createRuntime(), oauthIssuers: [issuer] })
    expect((await guard.authenticate(await sign(), origin)).principal.name).toBe('alice')
  })

  test('with keys that the issuer has changed is taken, and the old one is not', async () => {
    let nowMs = Date.now()
    const tokens = new OAuthTokens([issuer], () => nowMs)
    const old = await sign()
    await tokens.identify(old)
    published = [{ ...(await exportJWK(second.publicKey)), kid: 'two', alg: 'ES256' }]
    const before = asked
    const fresh = await sign({}, second.privateKey, { alg: 'ES256', kid: 'two' })
    // The keys are not asked for again at once: a stranger could make us ask with every token.
    await expect(tokens.identify(fresh)).rejects.toThrow("does not have the token's key")
    expect(asked).toBe(before)
    const later = new OAuthTokens([issuer], () => nowMs)
    expect((await later.identify(fresh)).principal.name).toBe('alice')
    await expect(later.identify(old)).rejects.toThrow("does not have the token's key")
    published = [{ ...(await exportJWK(first.publicKey)), kid: 'one', alg: 'RS256' }]
    nowMs += 1
  })

  test('that is wrong is refused, and nothing of it is told', async () => {
    const past = Math.floor(Date.now() / 1000) - 60
    const refusal = async (token: string) =>
      (await identify(token).catch((error: Error) => error)) as Error & { code: string }
    const cases: [string, RegExp][] = [
      [await sign({ exp: past }), /expired/],
      [await sign({ aud: 'others' }), /a claim does not match/],
      [await sign({ iss: 'https://evil.example' }), /issuer is not trusted/],
      [await sign({ exp: undefined }), /a claim does not match/],
      [await sign({ sub: '' }), /names nobody/],
      [`${(await sign()).slice(0, -8)}AAAAAAAA`, /signature is wrong/],
      ['abc', /cannot be read/],
      ['', /cannot be read/],
      ['a'.repeat(20_000), /too long/],
    ]
    for (const [token, message] of cases) {
      const error = await refusal(token)
      expect(error.message).toMatch(message)
      expect(error.code).toBe('SASL_AUTHENTICATION_FAILED')
      expect(error.message).not.toMatch(/alice|others|evil/)
    }
    const secret = new TextEncoder().encode('a secret that is long enough for HS256')
    const shared = await new SignJWT({
      iss: issuer.issuer,
      aud: 'events',
      sub: 'a',
      exp: past + 200,
    })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(secret)
    expect((await refusal(shared)).message).toMatch(/signature algorithm is not accepted/)
  })

  test('is shown by SASL OAUTHBEARER, and what is wrong is told before the end', async () => {
    const conversation = () => oauthServer(new OAuthTokens([issuer], Date.now))
    const message = (token: string) =>
      new TextEncoder().encode(`n,,\u0001auth=Bearer ${token}\u0001\u0001`)
    const done = await conversation().next(message(await sign()))
    expect(done.identity?.principal.name).toBe('alice')
    const failing = conversation()
    const step = await failing.next(message('abc'))
    expect(new TextDecoder().decode(step.message)).toBe('{"status":"invalid_token"}')
    expect(step.identity).toBeUndefined()
    await expect(failing.next(Uint8Array.of(1))).rejects.toThrow('cannot be read')
  })
})

describe('a certificate', () => {
  let server: Server | undefined
  let clients: Client[] = []
  afterEach(async () => {
    for (const client of clients) await client.close()
    await server?.close()
    clients = []
  })

  test('names a principal, as the rules of the listener have it', async () => {
    const tls = { cert: testCert, key: testKey, ca: testCert }
    server = await createServer({
      ...{ data: 'memory:', port: 0, access: 'keys', superUsers: 'User:localhost-of-us' },
      tls: { ...tls, principalMappingRules: 'RULE:^CN=(.*)$/$1-OF-US/L' },
    })
    const client = new Client({ url: server.url, tls, timeout: 5000 })
    clients.push(client)
    await client.admin.createTopic('orders')
    expect((await client.admin.listTopics()).map(({ name }) => name)).toEqual(['orders'])
  })

  test('of nobody who has rights opens nothing', async () => {
    const tls = { cert: testCert, key: testKey, ca: testCert }
    server = await createServer({ data: 'memory:', port: 0, access: 'keys', tls })
    const client = new Client({ url: server.url, tls, timeout: 5000 })
    clients.push(client)
    await expect(client.admin.createTopic('orders')).rejects.toMatchObject({
      code: 'TOPIC_AUTHORIZATION_FAILED',
    })
  })

  test.each([
    ['', 'CN=alice,OU=a,O=b', 'CN=alice,OU=a,O=b'],
    ['RULE:^CN=(.*?),.*$/$1/', 'CN=alice,OU=a', 'alice'],
    ['RULE:^CN=(.*?),OU=x$/$1/L,RULE:^CN=(.*?),OU=y$/$1/U,DEFAULT', 'CN=Alice,OU=x', 'alice'],
    ['RULE:^CN=(.*?),OU=x$/$1/L,RULE:^CN=(.*?),OU=y$/$1/U,DEFAULT', 'CN=Alice,OU=y', 'ALICE'],
    ['RULE:^CN=(.*?),OU=x$/$1/L,DEFAULT', 'CN=Alice,OU=z', 'CN=Alice,OU=z'],
    ['RULE:^CN=(.*?)$/$1/', 'OU=z', undefined],
    ['RULE:^CN=(.*)\\/(.*)$/$2\\/$1/', 'CN=a/b', 'b/a'],
  ])('%s makes of %s the name %s', (rules, name, expected) => {
    expect(parsePrincipalMapping(rules)(name)).toBe(expected)
  })

  test.each(['RULE:abc', 'RULE:^(/$1/', 'OTHER', 'DEFAULT;DEFAULT'])('%s is no rule', (rules) => {
    expect(() => parsePrincipalMapping(rules, 'tls.principalMappingRules')).toThrow(
      /tls\.principalMappingRules/,
    )
  })

  test('has its name as Java writes it', () => {
    expect(distinguishedName({ C: 'DE', O: 'a, b', OU: ['x', 'y'], CN: 'alice' })).toBe(
      'CN=alice,OU=y,OU=x,O=a\\, b,C=DE',
    )
  })
})

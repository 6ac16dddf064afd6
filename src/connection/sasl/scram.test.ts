import { expect, test } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import type { SaslMechanismName } from './mechanism.ts'
import { plainConversation } from './plain.ts'
import { scramConversation } from './scram.ts'

/** The example of RFC 7677, section 3. */
const rfc7677 = {
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  serverFirst:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}

function converse(
  username = 'user',
  mechanism: SaslMechanismName = 'SCRAM-SHA-256',
  nonce = rfc7677.nonce,
) {
  const conversation = scramConversation({ mechanism, username, password: 'pencil' }, nonce)
  return {
    first: decodeUtf8(conversation.start()),
    async answer(challenge: string) {
      const message = await conversation.next(encodeUtf8(challenge))
      return message && decodeUtf8(message)
    },
  }
}

test('speaks the example of RFC 7677', async () => {
  const { first, answer } = converse()
  expect(first).toBe(`n,,n=user,r=${rfc7677.nonce}`)
  expect(await answer(rfc7677.serverFirst)).toBe(rfc7677.clientFinal)
  expect(await answer(rfc7677.serverFinal)).toBeUndefined()
})

test('SCRAM-SHA-512 has a proof of 64 bytes, and takes no signature of SHA-256', async () => {
  const { answer } = converse('user', 'SCRAM-SHA-512')
  const final = await answer(rfc7677.serverFirst)
  expect(Buffer.from(final!.split(',p=')[1]!, 'base64')).toHaveLength(64)
  await expect(answer(rfc7677.serverFinal)).rejects.toThrow('its SCRAM signature is wrong')
})

test('commas and equals signs of a name are escaped', () => {
  expect(converse('a=b,c').first).toBe(`n,,n=a=3Db=2Cc,r=${rfc7677.nonce}`)
})

test.each([
  ['a server that does not extend our nonce', 'r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
  ['a server that only repeats it', `r=${rfc7677.nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
  ['too few iterations', `r=${rfc7677.nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095`],
  [
    'iterations that would take minutes',
    `r=${rfc7677.nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999`,
  ],
  ['no salt', `r=${rfc7677.nonce}x,i=4096`],
  ['something else', 'hello'],
  ['nothing', ''],
])('refuses %s', async (_, challenge) => {
  await expect(converse().answer(challenge)).rejects.toMatchObject({
    name: 'UnauthorizedError',
    code: 'SASL_AUTHENTICATION_FAILED',
    retriable: false,
  })
})

test.each([
  ['a signature that is wrong', `v=${Buffer.alloc(32).toString('base64')}`],
  ['a signature that is too short', 'v=6rri'],
  ['no signature', 'x'],
  ['an error of the server', 'e=other-error'],
])('does not trust a server with %s', async (_, final) => {
  const { answer } = converse()
  await answer(rfc7677.serverFirst)
  await expect(answer(final)).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
})

test('PLAIN is one message: no other identity, name, password', () => {
  const conversation = plainConversation({ mechanism: 'PLAIN', username: 'bö', password: 'p,=' })
  expect(decodeUtf8(conversation.start())).toBe('\0bö\0p,=')
})

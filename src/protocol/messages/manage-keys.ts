/**
 * ManageKeys: API keys of `kafka-do serve`. Not of Kafka, which has no keys; a server with access control serves it beside
 * Kafka's own APIs, and says so in ApiVersions. Its number is far from Kafka's, as those of other vendors are.
 *
 *   request   action (int8: 0 list, 1 create, 2 rotate, 3 revoke), id, name, [scope], expires at, overlap
 *   response  throttle time, error code, error message, [key]
 */
import type { Api } from '../api.ts'
import type { ByteReader } from '../byte-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { readArray } from './message-support.ts'

export const keyActions = ['list', 'create', 'rotate', 'revoke'] as const
export type KeyAction = (typeof keyActions)[number]

export interface ManageKeysRequest {
  readonly action: KeyAction | undefined
  /** Of the key that is rotated or revoked. */
  readonly id: string
  /** Of the key that is made, as all that follow. */
  readonly name: string
  readonly scopes: readonly string[]
  /** Epoch milliseconds; -1: never. */
  readonly expiresAt: bigint
  /** How long the secret before a rotation is taken, milliseconds. */
  readonly overlapMs: bigint
}

export interface ManagedKey {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdBy: string | null
  /** Epoch milliseconds, as all times; -1: there is none. */
  readonly createdAt: bigint
  readonly expiresAt: bigint
  readonly lastUsedAt: bigint
  readonly previousSecretUntil: bigint
  /** With its secret, where it was just made or rotated. */
  readonly key: string | null
}

export interface ManageKeysResponse {
  readonly throttleTimeMs: number
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly keys: readonly ManagedKey[]
}

function encodeRequest(w: ByteWriter, m: ManageKeysRequest): void {
  w.writeInt8(m.action === undefined ? -1 : keyActions.indexOf(m.action))
  w.writeString(m.id, true)
  w.writeString(m.name, true)
  writeStrings(w, m.scopes)
  w.writeInt64(m.expiresAt)
  w.writeInt64(m.overlapMs)
  w.writeUnsignedVarint(0)
}

function decodeRequest(r: ByteReader): ManageKeysRequest {
  const action = keyActions[r.readInt8()]
  const id = r.readString(true)
  const name = r.readString(true)
  const scopes = readStrings(r)
  const expiresAt = r.readInt64()
  const overlapMs = r.readInt64()
  r.skipTaggedFields()
  return { action, id, name, scopes, expiresAt, overlapMs }
}

function encodeKey(w: ByteWriter, m: ManagedKey): void {
  w.writeString(m.id, true)
  w.writeString(m.name, true)
  writeStrings(w, m.scopes)
  w.writeNullableString(m.createdBy, true)
  w.writeInt64(m.createdAt)
  w.writeInt64(m.expiresAt)
  w.writeInt64(m.lastUsedAt)
  w.writeInt64(m.previousSecretUntil)
  w.writeNullableString(m.key, true)
  w.writeUnsignedVarint(0)
}

function decodeKey(r: ByteReader): ManagedKey {
  const id = r.readString(true)
  const name = r.readString(true)
  const scopes = readStrings(r)
  const createdBy = r.readNullableString(true)
  const createdAt = r.readInt64()
  const expiresAt = r.readInt64()
  const lastUsedAt = r.readInt64()
  const previousSecretUntil = r.readInt64()
  const key = r.readNullableString(true)
  r.skipTaggedFields()
  return { id, name, scopes, createdBy, createdAt, expiresAt, lastUsedAt, previousSecretUntil, key }
}

function encodeResponse(w: ByteWriter, m: ManageKeysResponse): void {
  w.writeInt32(m.throttleTimeMs)
  w.writeInt16(m.errorCode)
  w.writeNullableString(m.errorMessage, true)
  w.writeArrayLength(m.keys.length, true)
  for (const key of m.keys) encodeKey(w, key)
  w.writeUnsignedVarint(0)
}

function decodeResponse(r: ByteReader, v: number): ManageKeysResponse {
  const throttleTimeMs = r.readInt32()
  const errorCode = r.readInt16()
  const errorMessage = r.readNullableString(true)
  const keys = readArray(r, v, true, decodeKey)
  r.skipTaggedFields()
  return { throttleTimeMs, errorCode, errorMessage, keys }
}

function writeStrings(w: ByteWriter, strings: readonly string[]): void {
  w.writeArrayLength(strings.length, true)
  for (const one of strings) w.writeString(one, true)
}

function readStrings(r: ByteReader): string[] {
  return readArray(r, 0, true, (reader) => reader.readString(true))
}

export const manageKeys: Api<ManageKeysRequest, ManageKeysResponse> = {
  name: 'ManageKeys',
  key: 20_200,
  minVersion: 0,
  maxVersion: 0,
  flexibleFrom: 0,
  encodeRequest,
  decodeRequest,
  encodeResponse,
  decodeResponse,
}

/**
 * ManageKeys v0: API keys over the protocol, for who may, as `/v1/keys` has them over HTTP. Who may is decided where keys are
 * made (`keys/key-admin.ts`), because a key may make others that can do no more than itself.
 */
import type { ApiKey, CreatedKey, KeyAdmin } from '../../backend/guard.ts'
import type { HallApi } from '../../backend/hall.ts'
import type { Session } from '../../backend/session.ts'
import {
  type ManagedKey,
  type ManageKeysRequest,
  type ManageKeysResponse,
  manageKeys,
} from '../../protocol/messages/manage-keys.ts'
import { hallApi, noError, refusalOf, refuse } from './hall-api.ts'

export function keyApis(keysOf: () => KeyAdmin): HallApi[] {
  return [
    hallApi(
      manageKeys,
      (request, _, next) => next(request),
      async (request, { session }): Promise<ManageKeysResponse> => {
        try {
          const keys = await done(keysOf(), request, session)
          return { throttleTimeMs: 0, ...noError, keys: keys.map(told) }
        } catch (error) {
          return { throttleTimeMs: 0, ...refusalOf(error), keys: [] }
        }
      },
    ),
  ]
}

async function done(
  keys: KeyAdmin,
  { action, id, name, scopes, expiresAt, overlapMs }: ManageKeysRequest,
  by: Session,
): Promise<readonly (ApiKey | CreatedKey)[]> {
  switch (action) {
    case 'list':
      return keys.list(by)
    case 'create': {
      const expires = expiresAt < 0n ? undefined : Number(expiresAt)
      return [await keys.create({ name, scopes, expiresAt: expires }, by)]
    }
    case 'rotate':
      return [await keys.rotate(id, { overlapMs: Number(overlapMs) }, by)]
    case 'revoke':
      await keys.revoke(id, by)
      return []
    default:
      throw refuse('INVALID_REQUEST', 'There is no such action')
  }
}

function told(key: ApiKey | CreatedKey): ManagedKey {
  return {
    ...{ id: key.id, name: key.name, scopes: key.scopes },
    createdBy: key.createdBy ?? null,
    createdAt: BigInt(key.createdAt),
    expiresAt: BigInt(key.expiresAt ?? -1),
    lastUsedAt: BigInt(key.lastUsedAt ?? -1),
    previousSecretUntil: BigInt(key.previousSecretUntil ?? -1),
    key: 'key' in key ? key.key : null,
  }
}

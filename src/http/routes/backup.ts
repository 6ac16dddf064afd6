/** A backup of all that the service holds, as a stream. */
import { clusterResource } from '../../backend/access.ts'
import type { Guard } from '../../backend/guard.ts'
import type { Nodes } from '../../backend/nodes.ts'
import { KafkaError } from '../../core/errors.ts'
import { mediaTypeOf, readBody } from '../body.ts'
import { anyObject, jsonContent } from '../json-body.ts'
import type { Call, Route } from '../route.ts'
import type { Services } from '../services.ts'

/** Of a manifest: some hundred thousand files. */
const bodyLimits = { maxBodyBytes: 64 * 1_048_576, maxInflatedBytes: 256 * 1_048_576 }
/** Slower, and whoever stands in between takes the connection for dead. */
const slowestBytesPerSecond = 65_536
const alterCluster = { operation: 'alter', type: 'cluster', name: clusterResource } as const

export function backupRoutes(services: Services, nodes: Nodes, guard: Guard | undefined): Route[] {
  return [
    {
      ...{ method: 'POST', path: '/v1/backup', id: 'backUp', tag: 'service' },
      summary:
        'All that is stored at this moment, as a tar archive that `kafka-do restore` reads. Needs the right to alter the cluster (scope `admin`).',
      query: {
        maxBytesPerSecond: {
          schema: { type: 'integer', minimum: slowestBytesPerSecond },
          description: 'It comes no faster. Default: as fast as it is taken.',
        },
      },
      body: {
        description:
          'The manifest.json of an earlier backup: what that has, and is unchanged, is left out.',
        required: false,
        content: jsonContent(anyObject),
      },
      answers: {
        200: {
          description: 'The archive. It is whole when manifest.json is its last entry.',
          content: { 'application/x-tar': {} },
        },
      },
      async serve(call) {
        const { request, session, query, signal } = call
        await demandAlter(services, guard, call)
        mediaTypeOf(request, ['application/json'])
        const previous = await readBody(request, bodyLimits)
        const backend = await nodes.any()
        if (!backend.backup)
          throw new KafkaError(
            'There is nothing to back up here: the service is a gateway, and the events are in the cluster behind it',
            { code: 'INVALID_REQUEST' },
          )
        const stream = backend.backup({
          ...(previous.length > 0 && { previous }),
          maxBytesPerSecond: query.maxBytesPerSecond as number | undefined,
          signal: AbortSignal.any([signal, services.closed]),
          tellsFailure: true,
        })
        // What is wrong from the start is a problem, not an archive.
        const first = await stream.next()
        guard?.audit({
          ...{ session, action: 'Backup', resource: `cluster:${clusterResource}` },
          ...{ isAllowed: true, requestId: call.requestId },
        })
        return {
          status: 200,
          headers: { 'content-type': 'application/x-tar', 'cache-control': 'no-store' },
          body: resumed(first, stream),
        }
      },
    },
  ]
}

async function demandAlter(
  { demand }: Services,
  guard: Guard | undefined,
  { session, requestId }: Call,
): Promise<void> {
  try {
    await demand(session, alterCluster)
  } catch (error) {
    const resource = `cluster:${clusterResource}`
    guard?.audit({ session, action: 'Backup', resource, isAllowed: false, requestId })
    throw error
  }
}

async function* resumed(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (first.done) return
    yield first.value
    yield* rest
  } finally {
    await rest.return()
  }
}

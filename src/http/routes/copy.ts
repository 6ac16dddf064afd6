/** Writing records of one topic into another, byte for byte: dead letters back to where they came from. */
import type { SendOptions } from '../../client/producer/send-options.ts'
import { KafkaError } from '../../core/errors.ts'
import { jsonContent, readJsonBody } from '../json-body.ts'
import { resultsSchema } from '../records/record-json.ts'
import { resultsJson } from '../records/stored-json.ts'
import type { Call, Route } from '../route.ts'
import type { Schema } from '../schema.ts'
import type { Services } from '../services.ts'
import { readOne } from './consume.ts'

const copySchema: Schema = {
  type: 'object',
  properties: {
    records: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      items: {
        type: 'object',
        properties: {
          topic: { type: 'string', pattern: '^[a-zA-Z0-9._-]{1,249}$' },
          partition: { type: 'integer', minimum: 0, maximum: 2_147_483_647 },
          offset: { type: 'string', pattern: '^[0-9]{1,18}$' },
        },
        required: ['topic', 'partition', 'offset'],
      },
    },
    withoutHeaders: {
      type: 'array',
      items: { type: 'string' },
      maxItems: 100,
      description: 'Headers that the copies do not have, by name. Default: they have all.',
    },
  },
  required: ['records'],
}

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: string
}

export function copyRoutes({ callers, config }: Services): Route[] {
  return [
    {
      ...{ method: 'POST', path: '/v1/topics/{topic}/records:copy', id: 'copyRecords' },
      tag: 'records',
      summary: 'Write records of other topics into this one: key, value and headers as they are.',
      body: { description: 'Which records.', required: true, content: jsonContent(copySchema) },
      answers: {
        200: { description: 'Where each is stored.', content: jsonContent(resultsSchema) },
        207: { description: 'Some failed; each says why.', content: jsonContent(resultsSchema) },
      },
      serve: copy,
    },
  ]

  async function copy({ request, params, session, signal }: Call) {
    const { records, withoutHeaders = [] } = await readJsonBody<{
      records: readonly Place[]
      withoutHeaders?: readonly string[]
    }>(request, config, copySchema)
    const dropped = new Set(withoutHeaders)
    return callers.with(session, async (caller) => {
      const results = []
      // One at a time: what is in memory is one record, and their order stays.
      for (const { topic, partition, offset } of records) {
        const place = { topic, partition, offset: BigInt(offset) }
        try {
          const found = await readOne(caller.cluster, place, config.maxReadBytes, signal)
          const headers = found.headers.filter(([name]) => !dropped.has(name))
          const options: SendOptions<Uint8Array> = {
            key: found.key,
            headers: headers as [string, Uint8Array | null][],
          }
          results.push(await caller.send(params.topic!, found.value, options))
        } catch (error) {
          if (!(error instanceof KafkaError) || records.length === 1) throw error
          results.push(error)
        }
      }
      const hasFailed = results.some((result) => result instanceof KafkaError)
      return {
        status: hasFailed ? 207 : 200,
        headers: { 'content-type': 'application/json' },
        body: resultsJson(results),
      }
    })
  }
}

/** The spans of commits, by OpenTelemetry. */
import { SpanStatusCode } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { openTelemetry } from '../../src/opentelemetry/index.ts'

function tracing() {
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  })
  const telemetry = openTelemetry({ tracerProvider })
  const commits = () => exporter.getFinishedSpans().filter(({ name }) => name === 'commit shop')
  return { telemetry, commits }
}

test.each(['exactly-once', 'at-least-once'] as const)(
  'a commit has a span: %s',
  async (guarantee) => {
    const { telemetry, commits } = tracing()
    await using kafka = new Client({ url: 'memory:', telemetry, clientId: 'traced' })
    for (let i = 0; i < 3; i++) await kafka.produce('orders', i)
    const app = kafka.streams({ app: 'shop', guarantee })
    app.stream('orders').to('copies')
    const run = await app.start()
    await kafka.consumer('copies').take(3).toArray()
    await run.close()
    const spans = commits()
    const counts = spans.map(({ attributes }) =>
      Number(attributes['messaging.batch.message_count']),
    )
    expect(counts.reduce((sum, one) => sum + one, 0)).toBe(3)
    expect(spans[0]).toMatchObject({
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        'messaging.operation.name': 'commit',
        'messaging.client.id': 'traced',
        'messaging.consumer.group.name': 'shop',
        'kafka_do.streams.tasks': ['0_0'],
      },
    })
    const id = spans[0]!.attributes['kafka_do.streams.transactional_id']
    expect(typeof id).toBe(guarantee === 'exactly-once' ? 'string' : 'undefined')
  },
)

test('the span of a commit that failed has its error', async () => {
  const { telemetry, commits } = tracing()
  await using kafka = new Client({ url: 'memory:', telemetry })
  await kafka.admin.createTopic('copies', { configs: { 'max.message.bytes': 200 } })
  await kafka.produce('orders', 'x'.repeat(1000))
  const app = kafka.streams({ app: 'shop' })
  app.stream('orders').to('copies')
  const run = await app.start()
  await expect(run.done).rejects.toThrow()
  expect(commits()[0]).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { 'error.type': expect.any(String) },
  })
})

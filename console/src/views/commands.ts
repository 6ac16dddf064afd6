/** The same by other means: curl, the command line, TypeScript. The key is named, never shown. */
import { base, type Query } from '../api/base.ts'
import { apiKey } from '../api/key.ts'
import { urlOf } from '../api/service.ts'

export interface Commands {
  readonly curl: string
  readonly cli: string
  readonly typeScript: string
}

export function queryCommands(topic: string, query: Query): Commands {
  const cli = ['kafka-do consume', shellWord(topic)]
  const from = String(query.from)
  const back = /^latest-(\d+)$/.exec(from)
  if (from !== 'earliest') cli.push('--from', shellWord(back ? `-${back[1]}` : from))
  if (query.to) cli.push('--to', shellWord(String(query.to)))
  if (query.partition !== undefined) cli.push('--partition', String(query.partition))
  const filters = [
    ...(query.key === undefined ? [] : [`key == ${JSON.stringify(query.key)}`]),
    ...(query.filter ? [String(query.filter)] : []),
  ]
  if (filters.length > 0) cli.push('--filter', shellWord(filters.join(' && ')))
  cli.push('-o ndjson')
  return {
    curl: curl(urlOf({ path: ['topics', topic, 'records'], query })),
    cli: cli.join(' '),
    typeScript: `${client()}
for await (const record of kafka.consumer(${literal(topic)})) {
  console.log(record.offset, record.key, record.value)
}`,
  }
}

export function recordCommands(topic: string, partition: number, offset: string): Commands {
  return {
    curl: curl(
      urlOf({ path: ['topics', topic, 'partitions', String(partition), 'records', offset] }),
    ),
    cli: `kafka-do consume ${shellWord(topic)} --partition ${partition} --from @${offset} --limit 1 -o json`,
    typeScript: `${client(', Offset')}
const partitions = [{ topic: ${literal(topic)}, partition: ${partition}, offset: Offset.at(${offset}n) }]
const [record] = await kafka.consumer(${literal(topic)}, { partitions }).take(1).toArray()`,
  }
}

function curl(url: string): string {
  const key = apiKey.value === '' ? '' : ' -H "Authorization: Bearer $KAFKA_DO_API_KEY"'
  return `curl -s ${shellWord(location.origin + url)}${key}`
}

function client(more = ''): string {
  const url = literal(location.origin + base)
  const config = apiKey.value === '' ? url : `{ url: ${url}, apiKey: process.env.KAFKA_DO_API_KEY }`
  return `import { Client${more} } from 'kafka-do'

const kafka = new Client(${config})`
}

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function shellWord(text: string): string {
  return /^[\w@:./=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

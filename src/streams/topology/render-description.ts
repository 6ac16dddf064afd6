/** Descriptions to read: as text in the form of Kafka's own `TopologyDescription`, and as a diagram of Mermaid's. */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { describeTopology, type OperatorDescription, type TopologyDescription } from './describe.ts'
import type { Topology } from './topology.ts'

export type DescriptionFormat = 'text' | 'mermaid' | 'json'

/** Throws `ConfigError` for another format. */
export function describeAs(
  topology: Topology,
  format: DescriptionFormat | undefined,
): string | TopologyDescription {
  const description = describeTopology(topology)
  switch (format) {
    case undefined:
    case 'text':
      return describeAsText(description)
    case 'mermaid':
      return describeAsMermaid(description)
    case 'json':
      return description
    default:
      throw invalid(
        `describe: the format must be 'text', 'mermaid' or 'json'; got ${inspectBriefly(format)}`,
      )
  }
}

/** As Kafka's `TopologyDescription` prints it. */
function describeAsText({ subTopologies, globals }: TopologyDescription): string {
  const lines = ['Topologies:']
  for (const { index, operators } of subTopologies) {
    lines.push(`   Sub-topology: ${index}`, ...operators.flatMap(linesOf))
  }
  globals.forEach((global, i) => {
    lines.push(
      `   Sub-topology: ${subTopologies.length + i} for global store (will not generate tasks)`,
      ...linesOf(global),
    )
  })
  return `${lines.join('\n')}\n`
}

function linesOf({ type, name, topic, stores, from, to }: OperatorDescription): string[] {
  const arrow = (names: readonly string[]) => names.join(', ') || 'none'
  const named = stores.map((store) => store.name).join(', ')
  const onward = `      --> ${arrow(to)}`
  const back = `      <-- ${arrow(from)}`
  switch (type) {
    case 'source':
      return [`    Source: ${name} (topics: [${topic}])${named && ` (stores: [${named}])`}`, onward]
    case 'processor':
      return [`    Processor: ${name} (stores: [${named}])`, onward, back]
    case 'sink':
      return [`    Sink: ${name} (topic: ${topic ?? 'chosen for each record'})`, back]
  }
}

/** A flow chart: https://mermaid.js.org/syntax/flowchart.html. */
function describeAsMermaid({ subTopologies, globals }: TopologyDescription): string {
  const ids = new Map<string, string>()
  const id = (prefix: string, name: string) => {
    const known = ids.get(`${prefix} ${name}`) ?? `${prefix}${ids.size}`
    ids.set(`${prefix} ${name}`, known)
    return known
  }
  const topics = new Map<string, string>()
  const topicId = (topic: string) => {
    const known = id('topic', topic)
    topics.set(known, `  ${known}[/"${topic}"/]`)
    return known
  }
  const inside: string[] = []
  const arrows: string[] = []
  const add = (operator: OperatorDescription) => {
    const { name, type, topic, stores, to } = operator
    const own = id('operator', name)
    inside.push(`    ${own}["${name}"]`)
    for (const store of stores) {
      const storeId = id('store', store.name)
      inside.push(`    ${storeId}[("${store.name}")]`)
      arrows.push(`  ${own} --- ${storeId}`)
    }
    if (type === 'source') arrows.push(`  ${topicId(topic!)} --> ${own}`)
    if (type === 'sink') arrows.push(`  ${own} --> ${topicId(topic ?? 'chosen for each record')}`)
    for (const next of to) arrows.push(`  ${own} --> ${id('operator', next)}`)
  }
  for (const { index, operators } of subTopologies) {
    inside.push(`  subgraph sub${index}["Sub-topology ${index}"]`)
    operators.forEach(add)
    inside.push('  end')
  }
  if (globals.length > 0) {
    inside.push('  subgraph globals["In every process"]')
    globals.forEach(add)
    inside.push('  end')
  }
  return `${['flowchart LR', ...topics.values(), ...inside, ...arrows].join('\n')}\n`
}

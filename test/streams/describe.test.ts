/** What a topology looks like, and what tells two of them apart. */
import { describe, expect, test } from 'vitest'
import { json, string } from '../../src/client/serializer.ts'
import { topic } from '../../src/client/topic.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { Client } from '../../src/index.ts'
import { Draft } from '../../src/streams/dsl/draft.ts'
import { keyValueStore } from '../../src/streams/dsl/process.ts'
import { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import { resolveStreamsConfig } from '../../src/streams/streams-config.ts'
import { fingerprint } from '../../src/streams/topology/fingerprint.ts'
import { Topology } from '../../src/streams/topology/topology.ts'
import { Window } from '../../src/streams/windows.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'

interface Order {
  readonly amount: number
  readonly region: string
}
const orders = topic<Order>('orders')

function application(app: StreamBuilder): void {
  const large = app.stream(orders).filter(({ amount }) => amount > 100)
  large.to('large')
  large
    .groupBy('by-region', ({ region }) => region)
    .window(Window.tumbling('1m'))
    .count({ store: 'per-minute' })
    .to('counts')
}

describe('a description', () => {
  test('as text is of the form of Kafka', () => {
    expect(new StreamTestDriver(application, { app: 'shop' }).describe()).toMatchInlineSnapshot(`
      "Topologies:
         Sub-topology: 0
          Source: stream (topics: [orders])
            --> filter
          Processor: filter (stores: [])
            --> sink, groupBy
            <-- stream
          Processor: groupBy (stores: [])
            --> by-region-written
            <-- filter
          Sink: sink (topic: large)
            <-- filter
          Sink: by-region-written (topic: shop-by-region-repartition)
            <-- groupBy
         Sub-topology: 1
          Source: by-region-read (topics: [shop-by-region-repartition])
            --> per-minute
          Processor: per-minute (stores: [per-minute])
            --> toStream
            <-- by-region-read
          Processor: toStream (stores: [])
            --> sink-2
            <-- per-minute
          Sink: sink-2 (topic: counts)
            <-- toStream
      "
    `)
  })

  test('as a diagram is for Mermaid', () => {
    const driver = new StreamTestDriver(application, { app: 'shop' })
    expect(driver.describe('mermaid')).toMatchInlineSnapshot(`
      "flowchart LR
        topic1[/"orders"/]
        topic6[/"large"/]
        topic7[/"shop-by-region-repartition"/]
        topic13[/"counts"/]
        subgraph sub0["Sub-topology 0"]
          operator0["stream"]
          operator2["filter"]
          operator4["groupBy"]
          operator3["sink"]
          operator5["by-region-written"]
        end
        subgraph sub1["Sub-topology 1"]
          operator8["by-region-read"]
          operator9["per-minute"]
          store10[("per-minute")]
          operator11["toStream"]
          operator12["sink-2"]
        end
        topic1 --> operator0
        operator0 --> operator2
        operator2 --> operator3
        operator2 --> operator4
        operator4 --> operator5
        operator3 --> topic6
        operator5 --> topic7
        topic7 --> operator8
        operator8 --> operator9
        operator9 --- store10
        operator9 --> operator11
        operator11 --> operator12
        operator12 --> topic13
      "
    `)
  })

  test('as JSON has everything but callbacks', () => {
    const described = new StreamTestDriver(application, { app: 'shop' }).describe('json')
    expect(JSON.parse(JSON.stringify(described))).toEqual(described)
    const [first, second] = described.subTopologies
    expect(first!.operators.map(({ type, name, topic }) => [type, name, topic])).toEqual([
      ['source', 'stream', 'orders'],
      ['processor', 'filter', undefined],
      ['processor', 'groupBy', undefined],
      ['sink', 'sink', 'large'],
      ['sink', 'by-region-written', 'shop-by-region-repartition'],
    ])
    expect(second!.operators[1]).toMatchObject({
      name: 'per-minute',
      kind: 'count',
      parameters: { window: 'tumbling', sizeMs: 60_000 },
      stores: [
        {
          name: 'per-minute',
          kind: 'window',
          key: 'string',
          value: 'json',
          changelog: 'shop-per-minute-changelog',
          retentionMs: 60_000,
        },
      ],
    })
  })

  test('of another form is refused', () => {
    const driver = new StreamTestDriver(application)
    expect(() => driver.describe('xml' as 'text')).toThrow(ConfigError)
  })

  test('is to be had before anything runs', () => {
    const draft = new Draft({ config: undefined, ended: () => undefined })
    const run = new StreamBuilder(draft).stream(orders).to('copies')
    expect(run.describe()).toContain('Source: stream (topics: [orders])')
    expect(run.describe('json').application).toMatch(/^stream-orders-[0-9a-f]{8}$/)
  })

  test('of a chain without a name has the one that it will run under', async () => {
    await using kafka = new Client('memory:')
    const run = kafka
      .stream(orders)
      .groupBy(({ region }) => region)
      .count()
      .to('counts')
    const { application } = run.describe('json')
    expect(run.describe()).toContain(`Sink: count-1-written (topic: ${application}-count-1-rep`)
    await run.ready
    expect((await kafka.admin.listGroups()).map(({ group }) => group)).toEqual([application])
  })
})

function fingerprintOf(build: (app: StreamBuilder) => void, app = 'shop'): string {
  const draft = new Draft({ config: resolveStreamsConfig({ app }), ended: () => undefined })
  build(new StreamBuilder(draft))
  return fingerprint(new Topology(app, draft.operators))
}

describe('a fingerprint', () => {
  const base = (app: StreamBuilder) => {
    app
      .stream(orders)
      .groupBy(({ region }) => region)
      .window(Window.tumbling('1m'))
      .count({ store: 'counts' })
      .to('out')
  }

  test('is of 8 hex digits, and equal for equal programs', () => {
    expect(fingerprintOf(base)).toMatch(/^[0-9a-f]{8}$/)
    // Operators in between move the counters of the process.
    fingerprintOf(application)
    expect(fingerprintOf(base)).toBe(fingerprintOf(base))
    expect(fingerprintOf(base, 'other')).toBe(fingerprintOf(base, 'shop'))
    // The same in every process and version: those of a rolling upgrade compare theirs.
    expect(fingerprintOf(base)).toMatchInlineSnapshot(`"2f32c5f1"`)
  })

  const grouped = (app: StreamBuilder) => app.stream(orders).groupBy(({ region }) => region)
  const others: { readonly [what: string]: (app: StreamBuilder) => void } = {
    'a kind': (app) => {
      grouped(app)
        .window(Window.tumbling('1m'))
        .reduce((a) => a, { store: 'counts' })
        .to('out')
    },
    'a size': (app) => {
      grouped(app).window(Window.tumbling('2m')).count({ store: 'counts' }).to('out')
    },
    grace: (app) => {
      grouped(app)
        .window(Window.tumbling('1m', { grace: 1 }))
        .count({ store: 'counts' })
        .to('out')
    },
    'final results': (app) => {
      grouped(app).window(Window.tumbling('1m')).count({ store: 'counts' }).final().to('out')
    },
    'a store': (app) => {
      grouped(app).window(Window.tumbling('1m')).count({ store: 'count' }).to('out')
    },
    'a retention': (app) => {
      const options = { store: 'counts', retention: '1h' }
      grouped(app).window(Window.tumbling('1m')).count(options).to('out')
    },
    'a serialiser of state': (app) => {
      const value = { ...json<number>(), name: 'other' }
      grouped(app).window(Window.tumbling('1m')).count({ store: 'counts', value }).to('out')
    },
    'a serialiser of a topic': (app) => {
      app
        .stream(topic('orders', { value: string }))
        .groupBy((text) => text)
        .window(Window.tumbling('1m'))
        .count({ store: 'counts' })
        .to('out')
    },
    'a name of a topic in between': (app) => {
      app
        .stream(orders)
        .groupBy('regions', ({ region }) => region)
        .window(Window.tumbling('1m'))
        .count({ store: 'counts' })
        .to('out')
    },
    partitioning: (app) => {
      app
        .stream(orders)
        .rekey(({ region }) => region)
        .repartition({ partitions: 4, name: 'counts' })
        .groupByKey()
        .window(Window.tumbling('1m'))
        .count({ store: 'counts' })
        .to('out')
    },
    'other partitioning': (app) => {
      app
        .stream(orders)
        .rekey(({ region }) => region)
        .repartition({ partitions: 8, name: 'counts' })
        .groupByKey()
        .window(Window.tumbling('1m'))
        .count({ store: 'counts' })
        .to('out')
    },
    'a source': (app) => {
      app
        .stream(topic<Order>('order'))
        .groupBy(({ region }) => region)
        .window(Window.tumbling('1m'))
        .count({ store: 'counts' })
        .to('out')
    },
    'a sink': (app) => {
      grouped(app).window(Window.tumbling('1m')).count({ store: 'counts' }).to('outs')
    },
    'an operator in between': (app) => {
      app
        .stream(orders)
        .filter(() => true)
        .groupBy(({ region }) => region)
        .window(Window.tumbling('1m'))
        .count({ store: 'counts' })
        .to('out')
    },
    'a store of process': (app) => {
      app
        .stream(orders)
        .process({ stores: { seen: keyValueStore() }, record: () => undefined })
        .to('out')
    },
    'another store of process': (app) => {
      app
        .stream(orders)
        .process({ stores: { met: keyValueStore() }, record: () => undefined })
        .to('out')
    },
  }

  test('differs where programs do', () => {
    const found = Object.entries({ base, ...others }).map(([what, build]) => [
      fingerprintOf(build),
      what,
    ])
    const equal = found.filter(([one], i) => found.findIndex(([other]) => other === one) !== i)
    expect(equal).toEqual([])
  })

  test('knows nothing of callbacks', () => {
    const with42 = (app: StreamBuilder) =>
      void app
        .stream(orders)
        .map(() => 42)
        .to('out')
    const with43 = (app: StreamBuilder) =>
      void app
        .stream(orders)
        .map(() => 43)
        .to('out')
    expect(fingerprintOf(with42)).toBe(fingerprintOf(with43))
  })
})

describe('names', () => {
  test('of operators with state stay when a filter is put in between', () => {
    const build = (isFiltered: boolean) => (app: StreamBuilder) => {
      const stream = app.stream(orders)
      const some = isFiltered ? stream.filter(() => true) : stream
      some
        .groupBy(({ region }) => region)
        .count()
        .to('counts')
      some
        .rekey(({ region }) => region)
        .map(({ amount }) => amount)
        .groupByKey()
        .reduce((a, b) => a + b)
        .to('sums')
    }
    const topicsOf = (isFiltered: boolean) =>
      new StreamTestDriver(build(isFiltered))
        .describe('json')
        .subTopologies.flatMap(({ operators }) =>
          operators.flatMap(({ isInternal, topic, stores }) => [
            ...(isInternal ? [topic] : []),
            ...stores.map(({ changelog }) => changelog),
          ]),
        )
        .sort()
    expect(topicsOf(true)).toEqual(topicsOf(false))
    expect(new Set(topicsOf(false))).toEqual(
      new Set([
        'test-count-1-repartition',
        'test-count-1-changelog',
        'test-reduce-2-repartition',
        'test-reduce-2-changelog',
      ]),
    )
  })

  test.each([
    [
      'operators',
      (app: StreamBuilder) => {
        const grouped = app.stream(orders).groupByKey()
        grouped.count({ store: 'totals' }).to('a')
        grouped.count({ store: 'totals' }).to('b')
      },
      /Two operators are called 'totals'/,
    ],
    [
      'repartitions',
      (app: StreamBuilder) => {
        app.stream(orders).repartition({ name: 'mine' }).to('a')
        app.stream(orders).repartition({ name: 'mine' }).to('b')
      },
      /Two repartitions are called 'mine'/,
    ],
    [
      'that topics cannot have',
      (app: StreamBuilder) => void app.stream(orders).groupByKey().count({ store: 'a b' }).to('a'),
      /store must be a name of 1 to 200 letters/,
    ],
  ])('%s that clash are refused', (_, build, message) => {
    expect(() => new StreamTestDriver(build)).toThrow(message)
  })
})

/** `kafka-do top` */
import type { NodeDisk } from '../client/admin/disks.ts'
import { delay } from '../core/backoff.ts'
import { knownDisks, roomText } from './connection/disks.ts'
import { defaultedOption, defineCommand, valueOption } from './shell/command.ts'
import { Interruption, type Io } from './shell/io.ts'
import { formatBytes, formatCount, formatDuration } from './shell/numbers.ts'
import { type Column, jsonLine, section, tableText } from './shell/output.ts'
import { durationMs, wholeNumber } from './shell/readers.ts'
import { type GroupRate, groupRates, type TopicRate, takeSample, topicRates } from './top/sample.ts'

const intervalMsMin = 100

export const top = defineCommand({
  formats: ['table', 'ndjson'],
  options: {
    interval: defaultedOption({
      placeholder: 'time',
      doc: 'update interval',
      fallback: '2s',
      read: readInterval,
    }),
    count: valueOption({
      short: 'n',
      placeholder: 'number',
      doc: 'stop after this many updates',
      byDefault: 'until q or Ctrl-C',
      read: wholeNumber({ min: 1 }),
    }),
    limit: defaultedOption({
      placeholder: 'number',
      doc: 'largest number of topics and groups',
      fallback: '15',
      read: wholeNumber({ min: 1 }),
    }),
  },
  more: 'Topics are sorted by rate, groups by lag. NDJSON has one object per update.',
  examples: ['kafka-do top', 'kafka-do top --count 1 -o ndjson'],
  async run({ flags, io, out, connect }) {
    const { interval, count, limit } = flags
    const { admin } = await connect()
    const isLive = out.isForPeople && io.stdout.isTTY === true
    const quit = new AbortController()
    const signal = AbortSignal.any([io.signal, quit.signal])
    const stopListening = isLive ? onQuit(io, (reason) => quit.abort(reason)) : () => undefined
    try {
      let before = await takeSample(admin, io.runtime)
      for (let looks = 0; looks < (count ?? Number.POSITIVE_INFINITY); looks++) {
        await delay(io.runtime, interval, signal)
        const [now, disks] = await Promise.all([takeSample(admin, io.runtime), knownDisks(admin)])
        const all = topicRates(before, now)
        const rate = all.reduce((sum, one) => sum + one.rate, 0)
        const topics = all.slice(0, limit)
        const groups = groupRates(before, now).slice(0, limit)
        before = now
        const time = new Date(io.runtime.now()).toISOString()
        if (!out.isForPeople)
          await out.write(
            jsonLine({ time, rate, topics, groups, disks: disks?.map(shownDisk) ?? null }),
          )
        else await out.write(`${isLive ? clear : ''}${screen(time, rate, disks, topics, groups)}`)
      }
    } catch (error) {
      // `q` is how it is meant to end.
      if (quit.signal.reason !== meant) throw quit.signal.reason ?? error
    } finally {
      stopListening()
    }
  },
})

/** Why it ends at `q`. */
const meant = new Error('ended by q')

/** The cursor home, and nothing on the screen. */
const clear = '\u001b[H\u001b[2J'

const topicColumns: readonly Column<TopicRate>[] = [
  { title: 'TOPIC', cell: ({ topic }) => topic },
  { title: 'PARTITIONS', cell: ({ partitions }) => partitions },
  { title: 'RECORDS/S', cell: ({ rate }) => Number(rate.toFixed(1)) },
  { title: 'END', cell: ({ end }) => end },
]

const groupColumns: readonly Column<GroupRate>[] = [
  { title: 'GROUP', cell: ({ group }) => group },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'MEMBERS', cell: ({ members }) => members },
  { title: 'RECORDS/S', cell: ({ rate }) => Number(rate.toFixed(1)) },
  { title: 'LAG', cell: ({ lag }) => lag },
  { title: 'CAUGHT UP IN', cell: caughtUpIn },
]

function caughtUpIn({ secondsBehind }: GroupRate): string {
  return secondsBehind === undefined ? 'not at this rate' : formatDuration(secondsBehind * 1000)
}

function shownDisk({ node, folder, totalBytes, freeBytes, partitions }: NodeDisk) {
  return { node, folder, recordBytes: recordBytes(partitions), totalBytes, freeBytes }
}

/** What is stored in all, and the room of the node that has least. */
function diskText(disks: readonly NodeDisk[] | undefined): string {
  if (!disks || disks.length === 0) return ''
  const stored = recordBytes(disks.flatMap(({ partitions }) => partitions))
  const fullest = disks
    .filter(({ freeBytes }) => freeBytes !== undefined)
    .reduce<NodeDisk | undefined>(
      (least, one) => (least && least.freeBytes! <= one.freeBytes! ? least : one),
      undefined,
    )
  const room = fullest === undefined ? '' : `, ${roomText(fullest)}`
  const where = room !== '' && disks.length > 1 ? ` at node ${fullest!.node}` : ''
  return `  ${formatBytes(Number(stored))} stored${room}${where}`
}

function recordBytes(partitions: NodeDisk['partitions']): bigint {
  return partitions.reduce((sum, { bytes }) => sum + bytes, 0n)
}

function screen(
  time: string,
  rate: number,
  disks: readonly NodeDisk[] | undefined,
  topics: readonly TopicRate[],
  groups: readonly GroupRate[],
): string {
  return [
    `${time}  ${formatCount(Math.round(rate))} records/s${diskText(disks)}\n`,
    tableText(section(topicColumns, topics)),
    tableText(section(groupColumns, groups)),
  ].join('\n')
}

/** `q`, and Ctrl-C, which a terminal does not make a signal of while keys are read one by one. */
function onQuit({ stdin }: Io, quit: (reason: Error) => void): () => void {
  const terminal = stdin as Io['stdin'] & { setRawMode?: (isRaw: boolean) => void }
  if (terminal.isTTY !== true || !terminal.setRawMode) return () => undefined
  const onData = (chunk: Uint8Array) => {
    const [key] = chunk
    if (key === 0x71 || key === 0x51) quit(meant)
    else if (key === 3) quit(new Interruption('SIGINT'))
  }
  terminal.setRawMode(true)
  terminal.on('data', onData)
  return () => {
    terminal.off('data', onData)
    terminal.setRawMode?.(false)
    terminal.pause()
  }
}

function readInterval(text: string): number {
  const ms = durationMs(text)
  if (ms >= intervalMsMin) return ms
  throw new Error(`it takes ${intervalMsMin}ms or more; got '${text}'`)
}

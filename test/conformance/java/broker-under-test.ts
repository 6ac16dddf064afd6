/**
 * The broker that Java's tools and clients are let loose on: kafka-do's, behind its listener, on a real disk.
 *
 * With `CONFORMANCE_BROKER=apache-kafka` it is Apache Kafka: so it can be told whether a test that fails asks for
 * something that Apache Kafka does not do either.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrokerConfigInput } from '../../../src/broker/config.ts'
import { createServer } from '../../../src/server/server.ts'
import { startApacheKafka } from '../../kafka/apache-kafka.ts'
import { type RunOptions, runTool, type ToolName, tool } from '../../kafka/java-tools.ts'

export const isApacheKafka = process.env.CONFORMANCE_BROKER === 'apache-kafka'

export interface BrokerUnderTest {
  /** `127.0.0.1:PORT`. */
  readonly bootstrap: string
  readonly url: string
  readonly dataFolder: string
  /** Runs one of Kafka's tools on this broker; rejects when it fails. Gives what it printed. */
  tool(name: ToolName, args: readonly string[], options?: RunOptions): Promise<string>
  /** The same for a tool that is to fail; gives everything it printed. Rejects when it succeeds. */
  toolFails(name: ToolName, args: readonly string[]): Promise<string>
  stop(): Promise<void>
}

export async function startBroker(config: BrokerConfigInput = {}): Promise<BrokerUnderTest> {
  const { bootstrap, url, dataFolder, stop } = isApacheKafka
    ? await apacheKafka()
    : await kafkaDo(config)
  const here = (args: readonly string[]) => ['--bootstrap-server', bootstrap, ...args]
  return {
    bootstrap,
    url,
    dataFolder,
    stop,
    tool: (name, args, options) => tool(name, commandFirst(name, here(args)), options),
    async toolFails(name, args) {
      const result = await runTool(name, commandFirst(name, here(args)))
      if (result.exitCode !== 0) return result.stdout + result.stderr
      throw new Error(`kafka-${name} ${args.join(' ')} succeeded:\n${result.stdout}`)
    },
  }
}

async function kafkaDo(config: BrokerConfigInput) {
  const dataFolder = await mkdtemp(join(tmpdir(), 'kafka-do-conformance-'))
  const server = await createServer({ data: dataFolder, port: 0, broker: config })
  return {
    bootstrap: `127.0.0.1:${server.port}`,
    url: server.url,
    dataFolder,
    async stop() {
      await server.close()
      await rm(dataFolder, { recursive: true, force: true })
    },
  }
}

async function apacheKafka() {
  const kafka = await startApacheKafka()
  const { bootstrap, url, dataFolder } = kafka
  return { bootstrap, url, dataFolder, stop: () => kafka.stop() }
}

/** `cluster` takes its options after a command; the others take any order. */
function commandFirst(name: ToolName, args: readonly string[]): string[] {
  if (name !== 'cluster') return [...args]
  const [option, server, command, ...rest] = args as [string, string, string, ...string[]]
  return [command, option, server, ...rest]
}

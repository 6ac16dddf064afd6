/** The brokers that are compared, each a process of its own with a data folder of its own. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startApacheKafka } from '../../test/kafka/apache-kafka.ts'
import { servedUrl } from '../../test/server/served-url.ts'
import { cpuSeconds, cpuTimes, memoryMiB, openFiles } from '../processes.js'

export interface BenchBroker {
  readonly name: string
  readonly bootstrap: string
  /** For our client. */
  readonly url: string
  /** Resident memory now, MiB. */
  residentMiB(): number
  /** Processor time since its start, seconds; of all its threads. */
  cpuSeconds(): number
  /** The same by where it was spent. */
  cpuTimes(): { user: number; system: number }
  /** Files and sockets that are open now. */
  openFiles(): number
  stop(): Promise<void>
}

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export async function startKafkaDo(): Promise<BenchBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-do-bench-'))
  const child = spawn(process.execPath, [program, 'serve', '--port', '0', '--data', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await servedUrl(child)
  return {
    name: 'kafka-do',
    bootstrap: url.replace('kafka://', ''),
    url,
    residentMiB: () => memoryMiB(child.pid),
    cpuSeconds: () => cpuSeconds(child.pid),
    cpuTimes: () => cpuTimes(child.pid),
    openFiles: () => openFiles(child.pid),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** With the memory settings that its own start script has: 1 GiB of heap, G1. */
export async function startKafka(): Promise<BenchBroker> {
  const kafka = await startApacheKafka({
    jvmArgs: ['-Xms1g', '-Xmx1g', '-server', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20'],
  })
  return {
    name: 'Apache Kafka',
    bootstrap: kafka.bootstrap,
    url: kafka.url,
    residentMiB: () => memoryMiB(kafka.pid),
    cpuSeconds: () => cpuSeconds(kafka.pid),
    cpuTimes: () => cpuTimes(kafka.pid),
    openFiles: () => openFiles(kafka.pid),
    stop: () => kafka.stop(),
  }
}

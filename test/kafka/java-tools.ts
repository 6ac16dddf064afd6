/**
 * Kafka's own command-line tools by their short names (`kafka-topics.sh` is `topics`), and Java programs of tests.
 *
 * `runTool` waits for the end; `startTool` gives a process that runs on until it is stopped.
 */
import { fileURLToPath } from 'node:url'
import { type ExitStatus, type GuardedProcess, spawnGuarded } from './guarded-process.ts'
import { javaClassPath, javaProgram } from './java-class-path.ts'

const tools = {
  acls: 'org.apache.kafka.tools.AclCommand',
  'broker-api-versions': 'org.apache.kafka.tools.BrokerApiVersionsCommand',
  cluster: 'org.apache.kafka.tools.ClusterTool',
  configs: 'kafka.admin.ConfigCommand',
  'console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
  'dump-log': 'org.apache.kafka.tools.DumpLogSegments',
  features: 'org.apache.kafka.tools.FeatureCommand',
  'get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  groups: 'org.apache.kafka.tools.GroupsCommand',
  'leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
  'producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  storage: 'kafka.tools.StorageTool',
  topics: 'org.apache.kafka.tools.TopicCommand',
  transactions: 'org.apache.kafka.tools.TransactionsCommand',
  'verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
  'verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
} as const

export type ToolName = keyof typeof tools

export interface RunOptions {
  /** What it reads; its standard input is closed after that. Default: nothing. */
  stdin?: string | Uint8Array | undefined
  /** It is killed after this, and the call rejects. Default 60 s. */
  timeoutMs?: number | undefined
  /** More options for the JVM. */
  jvmArgs?: readonly string[] | undefined
}

export interface ToolResult {
  readonly stdout: string
  readonly stderr: string
  /** The bytes of stdout. */
  readonly output: Buffer
  readonly exitCode: number | null
}

/** Starts in a second instead of two: what a tool does is too short for the optimising compiler. */
const jvmOptions = [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  `-Dlog4j2.configurationFile=${fileURLToPath(new URL('log4j2-tools.properties', import.meta.url))}`,
]

/** Runs a tool to its end. Whether it succeeded is for the caller to see in `exitCode`. */
export async function runTool(
  name: ToolName,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ToolResult> {
  return runJava(tools[name], args, options)
}

/** As `runTool`; rejects with the tool's output when it fails. Gives what it printed. */
export async function tool(
  name: ToolName,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await runTool(name, args, options)
  if (result.exitCode === 0) return result.stdout
  throw new Error(
    `kafka-${name} ${args.join(' ')} ended with ${result.exitCode}:\n${result.stdout}\n${result.stderr}`,
  )
}

/** Runs a main class, of Kafka's or from `classPath`. */
export async function runJava(
  mainClass: string,
  args: readonly string[],
  options: RunOptions & { classPath?: string | undefined } = {},
): Promise<ToolResult> {
  const process = await startJava(mainClass, args, options)
  process.child.stdin.end(options.stdin ?? '')
  const timeoutMs = options.timeoutMs ?? 60_000
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    process.kill()
  }, timeoutMs)
  const { code } = await process.ended
  clearTimeout(timer)
  const { stdout, stderr, output } = process
  if (!timedOut) return { stdout, stderr, output, exitCode: code }
  throw new Error(`${mainClass} ${args.join(' ')} took over ${timeoutMs} ms:\n${stdout}\n${stderr}`)
}

export function startTool(
  name: ToolName,
  args: readonly string[],
  options: Pick<RunOptions, 'jvmArgs'> = {},
): Promise<JavaProcess> {
  return startJava(tools[name], args, options)
}

/** Starts a main class that runs until it ends by itself or is stopped. */
export async function startJava(
  mainClass: string,
  args: readonly string[],
  options: { jvmArgs?: readonly string[] | undefined; classPath?: string | undefined } = {},
): Promise<JavaProcess> {
  const classPath = await javaClassPath(...(options.classPath ? [options.classPath] : []))
  const jvmArgs = [...jvmOptions, ...(options.jvmArgs ?? []), '-cp', classPath]
  const name = mainClass.slice(mainClass.lastIndexOf('.') + 1)
  return new JavaProcess(
    name,
    await spawnGuarded(javaProgram('java'), [...jvmArgs, mainClass, ...args]),
  )
}

/** A running Java program and what it has printed so far. */
export class JavaProcess {
  readonly child: GuardedProcess['child']
  readonly ended: Promise<ExitStatus>
  readonly #name: string
  readonly #stdout: Buffer[] = []
  readonly #stderr: Buffer[] = []
  #hasEnded = false

  constructor(name: string, { child, ended }: GuardedProcess) {
    this.#name = name
    this.child = child
    this.ended = ended
    child.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    ended.then(() => {
      this.#hasEnded = true
    })
  }

  get output(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  get stdout(): string {
    return this.output.toString()
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString()
  }

  /** The lines it has printed, without an unfinished last one. */
  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1)
  }

  /** Resolves when what it has printed fulfils `condition`; rejects when it ends, or `timeoutMs` pass, before that. */
  until<T>(condition: (process: this) => T | undefined | false, timeoutMs = 60_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (result: () => void) => {
        clearTimeout(timer)
        this.child.stdout.off('data', check)
        this.child.stderr.off('data', check)
        result()
      }
      const fail = (why: string) =>
        settle(() => reject(new Error(`${this.#name} ${why}:\n${this.stdout}\n${this.stderr}`)))
      const check = () => {
        const found = condition(this)
        if (found !== undefined && found !== false) settle(() => resolve(found))
        else if (this.#hasEnded) fail('ended before it came so far')
      }
      const timer = setTimeout(() => fail(`did not come so far in ${timeoutMs} ms`), timeoutMs)
      this.child.stdout.on('data', check)
      this.child.stderr.on('data', check)
      this.ended.then(check)
      check()
    })
  }

  /** Asks it to end (SIGTERM) and waits. */
  async stop(): Promise<ExitStatus> {
    this.child.kill('SIGTERM')
    return this.ended
  }

  /** Ends it as a power cut would (SIGKILL) and waits. */
  async kill(): Promise<ExitStatus> {
    this.child.kill('SIGKILL')
    return this.ended
  }
}

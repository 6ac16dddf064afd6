/** The Apache Kafka of the tests is what it says: it answers on all its listeners, keeps its data over a kill, and stops. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'
import { tool } from './java-tools.ts'

const modulePath = fileURLToPath(new URL('apache-kafka.ts', import.meta.url))

describeJava('Apache Kafka of the tests', () => {
  let kafka: ApacheKafka
  beforeAll(async () => {
    kafka = await startApacheKafka({
      users: { alice: 'alice-secret' },
      tls: true,
      properties: { 'num.partitions': 3 },
    })
  })
  afterAll(() => kafka?.stop())

  /** A file for `--command-config`. */
  async function clientConfig(lines: readonly string[]): Promise<string> {
    const file = join(kafka.dataFolder, '..', 'client.properties')
    await writeFile(file, lines.join('\n'))
    return file
  }

  test('answers with the settings it was given', async () => {
    await tool('topics', ['--bootstrap-server', kafka.bootstrap, '--create', '--topic', 'first'])
    const described = await tool('topics', [
      '--bootstrap-server',
      kafka.bootstrap,
      '--describe',
      '--topic',
      'first',
    ])
    expect(described).toContain('PartitionCount: 3')
  })

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])(
    'lets users in with SASL %s, over plain TCP and TLS',
    async (mechanism) => {
      const module = mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'
      const login = [
        `sasl.mechanism=${mechanism}`,
        `sasl.jaas.config=org.apache.kafka.common.security.${module} required username="alice" password="alice-secret";`,
      ]
      const trust = [
        'ssl.truststore.type=PEM',
        `ssl.truststore.location=${kafka.certificate?.certFile}`,
      ]
      for (const [endpoint, lines] of [
        [kafka.sasl, ['security.protocol=SASL_PLAINTEXT', ...login]],
        [kafka.saslTls, ['security.protocol=SASL_SSL', ...login, ...trust]],
      ] as const) {
        const config = await clientConfig(lines)
        const listed = await tool('topics', [
          '--bootstrap-server',
          endpoint?.bootstrap ?? '',
          '--command-config',
          config,
          '--list',
        ])
        expect(listed).toContain('first')
      }
    },
  )

  test('keeps its data when it is killed and started again', async () => {
    await kafka.kill()
    await kafka.start()
    expect(await tool('topics', ['--bootstrap-server', kafka.bootstrap, '--list'])).toContain(
      'first',
    )
  })

  test('goes with its folder when the process that started it is killed', async () => {
    const program = `
      import { runnerImport } from 'vite'
      const { module } = await runnerImport(${JSON.stringify(modulePath)})
      const kafka = await module.startApacheKafka()
      console.log(kafka.port + ' ' + kafka.dataFolder)`
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [chunk] = (await Promise.race([once(owner.stdout, 'data'), once(owner, 'exit')])) as [
      Buffer | number,
    ]
    const [port, dataFolder] = chunk.toString().trim().split(' ') as [string, string]
    expect(existsSync(dataFolder)).toBe(true)
    owner.kill('SIGKILL')
    await expect.poll(() => existsSync(dataFolder), { timeout: 10_000 }).toBe(false)
    // The signal is sent before the folder goes; the kernel may take a moment to end the process.
    await expect.poll(() => answers(Number(port)), { timeout: 10_000 }).toBe(false)
  })

  function answers(port: number): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('error', () => resolve(false))
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
    })
  }
})

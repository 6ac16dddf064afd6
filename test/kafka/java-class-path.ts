/**
 * Apache Kafka's jars: server, command-line tools and Java client, fetched once from Maven Central into a cache folder
 * that all runs share.
 *
 * The folder appears by rename, whole or not at all, so runs that fetch at the same time do not disturb each other. It
 * keeps the pom that it was made from: another pom (another version) makes it anew.
 */
import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { download, mavenPatience } from '../../scripts/download.js'

export const kafkaVersion = '4.3.1'

/** What Apache Kafka's broker needs. */
const javaVersionMin = 17
const cacheFolder = fileURLToPath(new URL('../../node_modules/.cache/kafka-do/', import.meta.url))

/** Jars that are fetched together, into a folder of this name. */
interface Jars {
  readonly name: string
  readonly dependencies: readonly (readonly [group: string, artifact: string, version: string])[]
  /** Default: with what each needs in its turn. */
  readonly isAlone?: boolean
}

const kafkaJars: Jars = {
  name: `apache-kafka-${kafkaVersion}`,
  dependencies: [
    // Server, and with it storage, metadata, coordinators and clients; `kafka.Kafka`, StorageTool and ConfigCommand.
    ['org.apache.kafka', 'kafka_2.13', kafkaVersion],
    ['org.apache.kafka', 'kafka-tools', kafkaVersion],
    // The jars log through slf4j, and bring log4j but not the bridge.
    ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.4'],
  ],
}

/** What it needs is among those above, but for RocksDB (70 MB), which tests do without. */
const streamsJars: Jars = {
  name: `apache-kafka-streams-${kafkaVersion}`,
  dependencies: [['org.apache.kafka', 'kafka-streams', kafkaVersion]],
  isAlone: true,
}

/** Its test driver, which runs topologies in memory without RocksDB, and the JSON that it is given. */
const driverJars: Jars = {
  name: `apache-kafka-streams-test-utils-${kafkaVersion}`,
  dependencies: [['org.apache.kafka', 'kafka-streams-test-utils', kafkaVersion]],
  isAlone: true,
}

const exclusions = `<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>`

const pomOf = ({
  dependencies,
  isAlone,
}: Jars) => `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafka-do</groupId>
  <artifactId>apache-kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
${dependencies
  .map(
    ([group, artifact, version]) =>
      `    <dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${isAlone ? exclusions : ''}</dependency>`,
  )
  .join('\n')}
  </dependencies>
</project>
`

/** What this machine lacks to run Java's side, in words for a test's name; undefined: nothing. */
export const missingForJava: string | undefined = findMissing()

/** A program of the JDK: that of JAVA_HOME, else that on the PATH. */
export function javaProgram(name: 'java' | 'javac' | 'keytool'): string {
  const home = process.env.JAVA_HOME
  return home ? join(home, 'bin', name) : name
}

const fetched = new Map<Jars, Promise<string>>()

/** The class path of Apache Kafka. Takes seconds the first time on a machine, nothing afterwards. */
export async function javaClassPath(...more: readonly string[]): Promise<string> {
  return [...more, join(await folderOf(kafkaJars), '*')].join(delimiter)
}

/** What Kafka Streams needs besides. */
export async function streamsClassPath(): Promise<string> {
  return join(await folderOf(streamsJars), '*')
}

/** What its test driver needs besides. */
export async function streamsDriverClassPath(): Promise<string> {
  return [await streamsClassPath(), join(await folderOf(driverJars), '*')].join(delimiter)
}

/** The path of one of its jars, such as `kafka-clients`. */
export async function kafkaJar(artifact: string): Promise<string> {
  return join(await folderOf(kafkaJars), `${artifact}-${kafkaVersion}.jar`)
}

function folderOf(jars: Jars): Promise<string> {
  const folder = fetched.get(jars) ?? fetchJars(jars)
  fetched.set(jars, folder)
  return folder
}

async function fetchJars(jars: Jars): Promise<string> {
  if (missingForJava !== undefined) throw new Error(`this machine lacks ${missingForJava}`)
  const jarFolder = join(cacheFolder, jars.name)
  const pom = pomOf(jars)
  if (await isFetched(jarFolder, pom)) return jarFolder
  await mkdir(cacheFolder, { recursive: true })
  const folder = await mkdtemp(`${jarFolder}.part-`)
  try {
    await writeFile(join(folder, 'pom.xml'), pom)
    await copyDependencies(folder, jars.name)
    // What is there is of another pom, or of another run that was faster.
    if (!(await isFetched(jarFolder, pom))) await rm(jarFolder, { recursive: true, force: true })
    await rename(folder, jarFolder)
  } catch (error) {
    if (!(await isFetched(jarFolder, pom))) throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return jarFolder
}

async function copyDependencies(folder: string, name: string): Promise<void> {
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
  const options = ['-q', '-B', '-f', join(folder, 'pom.xml'), `-DoutputDirectory=${folder}`]
  try {
    // Some 60 MB. What one attempt has fetched, Maven has for the next.
    const args = [...mavenPatience, ...options, '-DincludeScope=runtime', goal]
    await download('mvn', args, { seconds: 150 })
  } catch (error) {
    const { message } = error as Error
    throw new Error(`could not fetch ${name}: ${message}`, { cause: error })
  }
}

async function isFetched(jarFolder: string, pom: string): Promise<boolean> {
  try {
    return (await readFile(join(jarFolder, 'pom.xml'), 'utf8')) === pom
  } catch {
    return false
  }
}

function findMissing(): string | undefined {
  const missing: string[] = []
  const java = spawnSync(javaProgram('javac'), ['-version'], { encoding: 'utf8' })
  const version = Number(/javac (\d+)/.exec(`${java.stdout}${java.stderr}`)?.[1] ?? 0)
  if (version < javaVersionMin) missing.push(`a JDK, version ${javaVersionMin} or later`)
  if (spawnSync('mvn', ['-v']).status !== 0) missing.push('Maven (mvn)')
  return missing.length === 0 ? undefined : missing.join(' and ')
}

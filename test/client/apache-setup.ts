/** Starts the Apache Kafka that the client's suite shares. */
import type { TestProject } from 'vitest/node'
import { type ApacheKafka, startApacheKafka } from '../kafka/apache-kafka.ts'
import { missingForJava } from '../kafka/java-class-path.ts'

let kafka: ApacheKafka | undefined

export async function setup(project: TestProject): Promise<void> {
  if (missingForJava !== undefined) {
    throw new Error(
      `The client's suite cannot run against Apache Kafka: ${missingForJava} is missing`,
    )
  }
  kafka = await startApacheKafka()
  project.provide('apacheUrl', kafka.url)
}

export async function teardown(): Promise<void> {
  await kafka?.stop()
}

/** kafka-do/testing: the client on a broker in memory, for tests. Works under vitest, jest and node:test as it is. */
export type { FaultOptions, Faults } from './faults.ts'
export { MockClient, type MockClientConfig } from './mock-client.ts'
export type { StoredMessage } from './read-topic.ts'
export { StreamTestDriver, type TestSendOptions } from './stream-test-driver.ts'
export type { StreamTestDriverOptions } from './streams/driver-setup.ts'
export type { OutputRecord } from './streams/test-record.ts'
export type { TestClock } from './test-clock.ts'

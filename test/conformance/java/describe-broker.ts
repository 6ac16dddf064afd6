/** A `describe` of what Java does on one broker: started before the tests, stopped after them. */
import { afterAll, beforeAll } from 'vitest'
import type { BrokerConfigInput } from '../../../src/broker/config.ts'
import { describeJava } from '../../kafka/describe-java.ts'
import { type BrokerUnderTest, startBroker } from './broker-under-test.ts'

export function describeBroker(
  name: string,
  body: (broker: () => BrokerUnderTest) => void,
  config?: BrokerConfigInput,
): void {
  describeJava(name, () => {
    let broker: BrokerUnderTest | undefined
    beforeAll(async () => {
      broker = await startBroker(config)
    })
    afterAll(() => broker?.stop())
    body(() => {
      if (broker === undefined) throw new Error('the broker has not started')
      return broker
    })
  })
}

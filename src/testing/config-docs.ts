/** Descriptions of the options of `kafka-do/testing`. */
import { brokerDocs } from '../broker/config-docs.ts'
import { commonDocs } from '../client/config-docs.ts'
import type { DocsOf } from '../core/option.ts'
import type { FaultOptions } from './faults.ts'
import type { MockClientConfig } from './mock-client.ts'

const { runtime: _, ...ofClients } = commonDocs

export const mockClientDocs: DocsOf<MockClientConfig> = {
  ...ofClients,
  broker: { doc: 'Settings of its broker.', options: brokerDocs },
}

export const faultDocs: DocsOf<FaultOptions> = {
  nth: {
    doc: 'The first request affected, counted from now; 1 is the next.',
  },
  times: {
    doc: 'How many requests in a row.',
  },
}

/** `kafka-do version` */
import { version as packageVersion } from '../core/version.ts'
import { defineCommand } from './shell/command.ts'

export const version = defineCommand({
  connects: false,
  examples: ['kafka-do version', 'kafka-do version -o json'],
  async run({ out }) {
    const versions = {
      version: packageVersion,
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
    }
    await out.document(versions, {
      facts: [
        ['kafka-do', versions.version],
        ['Node.js', versions.node],
        ['platform', versions.platform],
      ],
    })
  },
})

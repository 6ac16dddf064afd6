/** `kafka-do context rm` */
import { Contexts } from '../connection/contexts.ts'
import { argument, defineCommand } from '../shell/command.ts'

export const contextRm = defineCommand({
  connects: false,
  formats: [],
  args: { name: argument({ doc: 'name of the context', completes: 'context' }) },
  more: 'The files it refers to are not removed.',
  examples: ['kafka-do context rm staging'],
  async run({ args, io, out }) {
    const contexts = Contexts.read(io.environment)
    contexts.remove(args.name)
    out.note(`Removed context ${args.name}.`)
  },
})

/** `kafka-do context use` */
import { Contexts } from '../connection/contexts.ts'
import { argument, defineCommand } from '../shell/command.ts'

export const contextUse = defineCommand({
  connects: false,
  formats: [],
  args: { name: argument({ doc: 'name of the context', completes: 'context' }) },
  examples: ['kafka-do context use prod'],
  async run({ args, io, out }) {
    const contexts = Contexts.read(io.environment)
    contexts.use(args.name)
    out.note(`${args.name} is now the default context.`)
  },
})

#!/usr/bin/env node
/** The `kafka-do` command: arguments in, text out. What it does is in the commands' files. */
import { Command, CommanderError } from 'commander'
import { KafkaError } from '../core/errors.ts'
import { version } from '../core/version.ts'
import { serveCommand } from './serve.ts'

const program = new Command('kafka-do')
  .description('Event streaming with zero ops: a durable Kafka-compatible broker in one process')
  .version(version)
  .addCommand(serveCommand())
  .showHelpAfterError('(kafka-do --help shows what is possible)')
  .exitOverride()

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode
  } else if (error instanceof KafkaError) {
    process.stderr.write(`kafka-do: ${error.message}\n`)
    process.exitCode = 1
  } else {
    throw error
  }
}

#!/usr/bin/env node
/** The `kafka-do` program: the process's streams and signals, given to the command line. */
import nodeModule from 'node:module'
import { createRuntime } from '../core/runtime.ts'
import { runCommandLine } from './run.ts'
import { Interruption } from './shell/io.ts'

// From Node 22.8 on, what is imported below is compiled once and kept in the system's temporary folder.
const loader: typeof nodeModule & { enableCompileCache?(): unknown } = nodeModule
loader.enableCompileCache?.()

const ending = new AbortController()
const words = process.argv.slice(2)
let stdin: typeof process.stdin | undefined

// `serve` stops in its own time, and listens for these itself.
if (words[0] !== 'serve') {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Who asks twice does not want to wait.
      if (ending.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
      ending.abort(new Interruption(signal))
    })
  }
}

const running = runCommandLine(words, {
  // Making it costs time, and most commands read nothing.
  get stdin() {
    stdin ??= process.stdin
    return stdin
  },
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  runtime: createRuntime(),
  signal: ending.signal,
})

running.then((code) => {
  process.exitCode = code
  // A reader of standard input that was ended early would keep the process.
  stdin?.destroy()
})

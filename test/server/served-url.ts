/** Where a server that runs in a process of its own can be reached. */
import type { ChildProcess } from 'node:child_process'

/** The URL that it prints when it is ready. Rejects when it ends instead. */
export function servedUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = ''
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)))
    child.stdout!.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      const url = /kafka:\/\/\S+/.exec(printed)?.[0]
      if (url) resolve(url)
    })
  })
}

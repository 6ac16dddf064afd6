/**
 * A process of its own that takes a data folder when told to: `contend` and `release`, one a line, on its input.
 *
 *   node lock-contender.js <compiled data-folder-lock.js> <folder>
 */
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [, , modulePath, folder] = process.argv
const { acquireLock } = await import(pathToFileURL(modulePath).href)
let lock
console.log('ready')
for await (const command of createInterface({ input: process.stdin })) {
  if (command === 'contend') {
    try {
      lock = acquireLock(folder)
      console.log('held')
    } catch (error) {
      console.log(error.code === 'DATA_FOLDER_LOCKED' ? 'refused' : `failed: ${error.stack}`)
    }
  } else {
    lock?.release()
    lock = undefined
    console.log('released')
  }
}

/** Carries out one attack and says how it ended. */
import { connect, type Socket } from 'node:net'
import { correlationIdOf } from '../../src/protocol/frame.ts'
import { FrameSplitter } from '../../src/protocol/frame-splitter.ts'
import { type Attack, probe, probeId } from './attacks.ts'
import type { FuzzedServer } from './fuzzed-server.ts'

/** `closed`: by the server, which logged why. `ended`: after this side had ended it, or torn it down. */
export type Outcome = 'answered' | 'closed' | 'ended'

/** A connection that is neither answered nor closed in this time hangs. */
const longestMs = 15_000
/** Answers may be much longer than requests. */
const answerBytesMax = 100_000_000

/** Throws when it hangs, when answers come out of order, and when the server gave no reason for closing it. */
export async function attackServer(server: FuzzedServer, attack: Attack): Promise<Outcome> {
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  // A server that has had enough may tear the connection down while this side still sends.
  socket.on('error', () => undefined)
  await new Promise((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', resolve)
  })
  const peer = `127.0.0.1:${socket.localPort}`
  server.begin(peer)
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end after ${longestMs} ms`)), longestMs)
  })
  try {
    return await Promise.race([outcomeOf(server, attack, socket, peer), tooLong, server.died])
  } finally {
    clearTimeout(timer)
    socket.destroy()
    server.end(peer)
  }
}

async function outcomeOf(
  server: FuzzedServer,
  attack: Attack,
  socket: Socket,
  peer: string,
): Promise<Outcome> {
  const answers = new Answers(attack.ids)
  const probed = new Promise<'answered'>((resolve) => {
    answers.onProbe = () => resolve('answered')
  })
  const closed = new Promise<'closed'>((resolve, reject) => {
    socket.once('close', () => resolve('closed'))
    socket.once('end', () => resolve('closed'))
    if (attack.reads) {
      socket.on('data', (chunk: Uint8Array) => {
        try {
          answers.take(chunk)
        } catch (error) {
          reject(error)
        }
      })
    }
  })
  // Who does not read is not told of the end either; the log knows.
  const gone = attack.reads ? closed : server.logged(peer).then(() => 'closed' as const)

  for (const chunk of attack.chunks) await sent(socket, chunk, attack.reads)
  if (attack.finish === 'reset') {
    socket.resetAndDestroy()
    return 'ended'
  }
  if (attack.finish === 'probe') socket.write(probe)
  if (attack.finish === 'end') {
    socket.end()
    await gone
    return 'ended'
  }
  const outcome = await Promise.race([probed, gone])
  if (outcome === 'closed') await server.logged(peer)
  return outcome
}

/** Resolves once the system has taken the bytes; at once when nobody may ever take them. */
function sent(socket: Socket, chunk: Uint8Array, isAwaited: boolean): Promise<void> {
  if (socket.destroyed || socket.writableEnded) return Promise.resolve()
  return new Promise((resolve) => {
    // Called also when the connection breaks before that.
    socket.write(chunk, () => resolve())
    if (!isAwaited) resolve()
  })
}

/** Splits what comes into answers, and sees that they come in the order of the requests. */
class Answers {
  onProbe: (() => void) | undefined
  readonly #splitter = new FrameSplitter(answerBytesMax)
  readonly #expected: readonly number[] | undefined
  #next = 0
  #isHttp = false

  constructor(expected: readonly number[] | undefined) {
    this.#expected = expected
  }

  take(chunk: Uint8Array): void {
    this.#isHttp ||= chunk[0] === 0x48
    if (this.#isHttp) return
    this.#splitter.push(chunk, (frame) => {
      const id = correlationIdOf(frame)
      if (id === probeId) return this.onProbe?.()
      if (!this.#expected) return
      // Some have no answer: acks=0.
      const at = this.#expected.indexOf(id, this.#next)
      if (at < 0) throw new Error(`answer ${id} came out of order`)
      this.#next = at + 1
    })
  }
}

/**
 * Clients that no server likes, in a process of its own: `node bad-clients.js PORT READERS SENDERS TOPIC PARTITION_BYTES`.
 * A reader asks for as much as a fetch may hold, and never reads its socket. A sender announces a produce of
 * `senderBytes`, sends all but its last byte as fast as it is let, and then nothing. All are served one request before, so
 * that they are no strangers. Prints a line once all have begun, and another for each thousand connections that were
 * closed; goes on until it is killed, with a new connection in the place of each that is closed.
 */
import { connect } from 'node:net'
import { constants, setPriority } from 'node:os'

// They would come from other machines: what they compute is not to slow down the server.
setPriority(constants.priority.PRIORITY_LOW)

const [port, readers, senders, topic, senderBytes, host = '127.0.0.1'] = process.argv.slice(2)

/** @param {number} key @param {number} version @param {Buffer} body */
function request(key, version, body) {
  const head = Buffer.alloc(14)
  head.writeInt32BE(10 + body.length)
  head.writeInt16BE(key, 4)
  head.writeInt16BE(version, 6)
  head.writeInt32BE(1, 8)
  head.writeInt16BE(-1, 12)
  return Buffer.concat([head, body])
}

const apiVersions = request(18, 0, Buffer.alloc(0))

/** Fetch v4 of a topic's only partition, from its start: at most 55 MiB, to which the server may add. */
function fetchAll() {
  const name = Buffer.from(String(topic))
  const bytesMax = 55 * 1024 * 1024
  const body = Buffer.alloc(17 + 4 + 2 + name.length + 4 + 16)
  let at = body.writeInt32BE(-1, 0)
  at = body.writeInt32BE(1000, at)
  at = body.writeInt32BE(1, at)
  at = body.writeInt32BE(bytesMax, at)
  at = body.writeInt8(0, at)
  at = body.writeInt32BE(1, at)
  at = body.writeInt16BE(name.length, at)
  at += name.copy(body, at)
  at = body.writeInt32BE(1, at)
  at = body.writeInt32BE(0, at)
  at = body.writeBigInt64BE(0n, at)
  body.writeInt32BE(bytesMax, at)
  return request(1, 4, body)
}

let closed = 0
let begun = 0
let isReady = false
const wanted = Number(readers) + Number(senders)

/** @param {(socket: import('node:net').Socket) => void} go */
function badClient(go) {
  const socket = connect(Number(port), host)
  socket.on('error', () => undefined)
  socket.on('close', () => {
    closed++
    if (closed % 100 === 0) console.log(`closed ${closed}`)
    setTimeout(() => badClient(go), 50)
  })
  socket.write(apiVersions)
  socket.once('data', () => {
    socket.pause()
    go(socket)
    begun++
    if (begun < wanted || isReady) return
    isReady = true
    console.log('ready')
  })
}

const fetch = fetchAll()
for (let i = 0; i < Number(readers); i++) badClient((socket) => socket.write(fetch))

const piece = Buffer.alloc(64 * 1024)
for (let i = 0; i < Number(senders); i++) {
  badClient((socket) => {
    const head = request(0, 9, Buffer.alloc(0))
    head.writeInt32BE(Number(senderBytes))
    socket.write(head)
    let left = Number(senderBytes) - (head.length - 4) - 1
    const send = () => {
      while (left > 0) {
        const bytes = piece.subarray(0, Math.min(left, piece.length))
        left -= bytes.length
        if (!socket.write(bytes)) return void socket.once('drain', send)
      }
    }
    send()
  })
}

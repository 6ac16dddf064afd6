/** Recognises those who knock at the wrong listener, so that the log says so and not "a frame of 1195725856 bytes". */

const httpStarts = ['GET ', 'HEAD', 'POST', 'PUT ', 'DELE', 'OPTI', 'PATC', 'CONN', 'TRAC', 'PRI ']
const tlsHandshake = 0x16
const tlsMajorVersion = 3

/** What the first bytes of a connection speak, when that is not Kafka's protocol. */
export function foreignProtocol(start: Uint8Array): 'HTTP' | 'TLS' | undefined {
  if (start.length < 4) return undefined
  if (start[0] === tlsHandshake && start[1] === tlsMajorVersion) return 'TLS'
  return httpStarts.includes(String.fromCharCode(...start.subarray(0, 4))) ? 'HTTP' : undefined
}

export const answerToHttp =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n' +
  "This port speaks Kafka's protocol, not HTTP. Point a Kafka client at it.\n"

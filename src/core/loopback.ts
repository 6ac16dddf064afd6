/** Whether a host, or the address of a peer, is this machine's own: what goes there passes no network. */
export function isLoopback(host: string): boolean {
  return /^(localhost|(::ffff:)?127\.\d+\.\d+\.\d+|::1|\[::1\])$/i.test(host)
}

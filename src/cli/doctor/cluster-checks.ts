/** Whether a cluster can be reached by the addresses that it tells its clients. */
import type { ClusterNode } from '../../client/admin/cluster-description.ts'
import type { NodeDisk } from '../../client/admin/disks.ts'
import { DisconnectedError, TimeoutError } from '../../core/errors.ts'
import { isLoopback } from '../../core/loopback.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Client, ClientConfig } from '../../entry/client.ts'
import { knownDisks, roomText } from '../connection/disks.ts'
import { failureOf } from '../shell/failure.ts'
import { type Check, diskCheck, ok, problem, warning } from './check.ts'

/** An address that cannot be reached often does not even refuse. */
const timeoutMs = 4000

const remedy =
  'Set the advertised address: --advertised-host and --advertised-port of kafka-do serve, advertised.listeners of Apache Kafka'

export async function clusterChecks(
  client: Client,
  config: ClientConfig,
  open: (config: ClientConfig) => Client,
  runtime: Runtime,
): Promise<Check[]> {
  const begunAt = runtime.monotonicNow()
  const found = await client.admin.describeCluster().catch((error: unknown) => {
    if (error instanceof DisconnectedError || error instanceof TimeoutError) return error
    throw error
  })
  if (found instanceof Error) {
    return [
      problem(
        'cluster',
        found.message,
        `If that address is not the one in the URL, it is the advertised address. ${remedy}. Otherwise, check that it is running`,
      ),
    ]
  }
  const { id, nodes } = found
  const tookMs = Math.round(runtime.monotonicNow() - begunAt)
  const reached = ok(
    'cluster',
    `cluster ${id} answered in ${tookMs} ms; it has ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}`,
  )
  const room = ((await knownDisks(client.admin)) ?? []).flatMap((disk) => roomCheck(disk) ?? [])
  const url = String(config.url)
  // Elsewhere clients do not use these addresses.
  const [scheme] = /^kafka(\+tls)?(?=:)/.exec(url) ?? []
  if (scheme === undefined) return [reached, ...room]
  const checks = await Promise.all(
    nodes.map((node) => nodeCheck(node, { scheme, isRemote: isRemote(url) }, config, open)),
  )
  return [reached, ...room, ...checks]
}

function roomCheck(disk: NodeDisk): Check | undefined {
  const room = roomText(disk)
  if (room === undefined) return undefined
  const told = `node ${disk.node}: ${room} in ${disk.folder}`
  return diskCheck(told, Number(disk.freeBytes))
}

async function nodeCheck(
  { id, host, port }: ClusterNode,
  { scheme, isRemote }: { readonly scheme: string; readonly isRemote: boolean },
  config: ClientConfig,
  open: (config: ClientConfig) => Client,
): Promise<Check> {
  const name = 'address'
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const told = `node ${id} advertises ${address}`
  const client = open({ ...config, url: `${scheme}://${address}`, timeout: timeoutMs, retries: 1 })
  try {
    await client.admin.describeCluster()
  } catch (error) {
    return problem(name, `${told}, which cannot be reached: ${failureOf(error).message}`, remedy)
  } finally {
    await client.close().catch(() => undefined)
  }
  return isRemote && isLoopback(host)
    ? warning(name, `${told}, which every client resolves to itself`, remedy)
    : ok(name, `${told}, which is reachable`)
}

/** Whether the URL leads to other machines. */
function isRemote(url: string): boolean {
  const hosts = url
    .replace(/^[^:]+:\/\//, '')
    .replace(/^[^@]*@/, '')
    .split(/[/?]/)[0]!
    .split(',')
  return hosts.some((one) => !isLoopback(one.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')))
}

/** What `/readyz` looks at: the logs and the disk of a broker, the cluster behind a gateway. */
import type { BrokerState } from '../../broker/broker-state.ts'
import type { Check, CheckSource } from './health.ts'
import type { UpstreamWatch } from './upstream-families.ts'

type Found = Omit<Check, 'name'>

export function brokerChecks(state: BrokerState): CheckSource[] {
  return [
    { name: 'log', look: () => logCheck(state) },
    { name: 'disk', look: () => diskCheck(state) },
  ]
}

function logCheck(state: BrokerState): Found {
  const { count, offline } = state.partitions()
  const more = { partitions: count, offline }
  if (offline === 0) return { status: 'ok', more }
  const detail = `the disk has failed for ${offline} of ${count} partitions, which are offline: check the disk, then restart`
  return { status: offline === count ? 'failed' : 'degraded', detail, more }
}

function diskCheck(state: BrokerState): Found {
  const disk = state.disk()
  if (!disk) return { status: 'ok' }
  const { freeBytes, totalBytes, keptFreeBytes, shortage } = disk
  const more = {
    ...(freeBytes !== undefined && { freeBytes }),
    ...(totalBytes !== undefined && { totalBytes }),
    reserveBytes: keptFreeBytes,
  }
  if (!shortage) return { status: 'ok', more }
  const details = {
    low: 'there is less free space than diskReserve: client writes are refused, reads continue',
    full: 'the disk is full: writes are refused, reads continue',
    readOnly: 'the disk is read-only: writes are refused, reads continue',
  }
  return { status: 'degraded', detail: details[shortage], more }
}

export function upstreamCheck(watch: UpstreamWatch): CheckSource {
  const look = async (): Promise<Found> => {
    const problem = await watch.problem()
    if (problem === undefined) return { status: 'ok' }
    return { status: 'failed', detail: `the cluster cannot be reached: ${problem}` }
  }
  return { name: 'upstream', look }
}

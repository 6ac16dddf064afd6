/**
 * At start: transactions that are open in a log and not in `__transaction_state`. No marker will come for them, for it was
 * damaged or gone with what followed, and readers of committed records would wait for it for ever without a word. So they
 * are ended, and that is logged: as the coordinator remembers it where the epoch says that it is this transaction (KIP-890),
 * else they are aborted.
 */
import type { Logger } from '../../core/runtime.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { ProducerView } from '../log/producer-state.ts'
import type { TransactionCoordinator } from './transaction-coordinator.ts'
import type { TransactionSnapshot } from './transaction-messages.ts'
import { type MarkedParts, writeMarker } from './write-markers.ts'

/** Resolves when the markers are durable. A partition whose marker cannot be written is left as it is. */
export async function settleHanging(
  parts: MarkedParts,
  transactions: TransactionCoordinator,
  logger: Logger,
): Promise<void> {
  const hanging = openTransactions(parts)
  if (hanging.length === 0) return
  const known = new Map<bigint, TransactionSnapshot>()
  for (const [, snapshot] of transactions.all()) {
    known.set(snapshot.producerId, snapshot)
    if (snapshot.previousProducerId >= 0n) known.set(snapshot.previousProducerId, snapshot)
  }
  for (const { log, producer } of hanging) {
    const snapshot = known.get(producer.producerId)
    if (snapshot && isUnderWay(snapshot)) continue
    const isCommit = snapshot !== undefined && wasCommitted(producer, snapshot)
    const fields = {
      log: log.folder,
      producerId: String(producer.producerId),
      from: String(producer.transactionFirstOffset),
    }
    logger.error(
      fields,
      isCommit
        ? 'the marker of a committed transaction is missing from the log; it is written again'
        : 'the end of a transaction is missing from the log; its records count as aborted',
    )
    const { producerId, epoch: producerEpoch } = producer
    try {
      await writeMarker(parts, log, { producerId, producerEpoch, isCommit }, 0)
    } catch (error) {
      logger.error({ ...fields, err: error }, 'the transaction could not be ended and stays open')
    }
  }
}

function openTransactions({
  topics,
}: MarkedParts): { readonly log: PartitionLog; readonly producer: ProducerView }[] {
  return topics
    .all()
    .flatMap(({ partitions }) => partitions)
    .flatMap((log) =>
      log
        .producers()
        .filter(({ transactionFirstOffset }) => transactionFirstOffset >= 0n)
        .map((producer) => ({ log, producer })),
    )
}

function isUnderWay({ status }: TransactionSnapshot): boolean {
  return status === 'Ongoing' || status === 'PrepareCommit' || status === 'PrepareAbort'
}

/** With every end the epoch grows by one, so the one before it is of the transaction that was ended last. */
function wasCommitted({ epoch }: ProducerView, snapshot: TransactionSnapshot): boolean {
  const { status, clientVersion, producerEpoch } = snapshot
  return status === 'CompleteCommit' && clientVersion === 2 && producerEpoch === epoch + 1
}

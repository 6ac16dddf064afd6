/** The code under test: takes orders, writes invoices. It knows nothing of mocks. */
export async function invoiceOrders(kafka, options) {
  await kafka.consume(
    'orders',
    { group: 'invoicing', heartbeatInterval: 10, ...options },
    (order) =>
      kafka.transaction('invoices', async (tx) => {
        await tx.send({ orderId: order.value.orderId, total: order.value.amount * 1.2 })
        await tx.commitOffsets(order)
      }),
  )
}

/** An order that is not stored is tried again by the client; what it gives up on is the caller's to know. */
export function placeOrder(kafka, order) {
  return kafka.produce('orders', order, { key: order.orderId })
}

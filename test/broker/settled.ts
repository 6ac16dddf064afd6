/** Whether a promise settles while everything that can run now runs; nothing is waited for by the clock. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const mark = () => {
    settled = true
  }
  promise.then(mark, mark)
  await runAll()
  return settled
}

/** Lets everything run that needs no timer. */
export async function runAll(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

import { expect, test } from 'vitest'
import { ConfigError, KafkaError, TimeoutError } from '../core/errors.ts'
import { withRetry } from './with-retry.ts'

const passing = new TimeoutError('too slow', { code: 'REQUEST_TIMED_OUT', retriable: true })
const lasting = new KafkaError('no', { code: 'INVALID_REQUEST' })
const quick = { baseDelay: 1 }

function failing(times: number, error: unknown) {
  let calls = 0
  return () => {
    calls++
    if (calls <= times) throw error
    return calls
  }
}

test('tries again what may pass, and gives the result', async () => {
  expect(await withRetry(failing(3, passing), quick)).toBe(4)
})

test('does not try again what will not pass', async () => {
  await expect(withRetry(failing(1, lasting), quick)).rejects.toBe(lasting)
  await expect(withRetry(failing(1, new Error('mine')), quick)).rejects.toThrow('mine')
})

test('gives up after so many attempts, with the last error', async () => {
  const attempts: number[] = []
  const call = withRetry(
    (attempt) => {
      attempts.push(attempt)
      throw passing
    },
    { ...quick, attempts: 3 },
  )
  await expect(call).rejects.toBe(passing)
  expect(attempts).toEqual([1, 2, 3])
})

test('the caller may say what is worth another attempt', async () => {
  const retryIf = (error: unknown) => error instanceof Error && error.message === 'mine'
  expect(await withRetry(failing(1, new Error('mine')), { ...quick, retryIf })).toBe(2)
})

test('a signal ends the wait', async () => {
  const stop = new AbortController()
  const call = withRetry(failing(9, passing), {
    baseDelay: '1 hour',
    maxDelay: '1 hour',
    signal: stop.signal,
  })
  stop.abort(new Error('enough'))
  await expect(call).rejects.toThrow('enough')
})

test('options that make no sense are errors that name them', async () => {
  await expect(withRetry(() => 1, { attempts: 0 })).rejects.toThrow(ConfigError)
  await expect(withRetry(() => 1, { jitter: 2 })).rejects.toThrow('RetryOptions.jitter')
  await expect(withRetry(() => 1, { attemps: 2 } as never)).rejects.toThrow(
    "Did you mean 'attempts'",
  )
})

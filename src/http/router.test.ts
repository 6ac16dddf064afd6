import { describe, expect, test } from 'vitest'
import { Router } from './router.ts'

const route = (method: string, path: string) => ({ method, path })
const router = new Router([
  route('GET', '/v1/topics'),
  route('POST', '/v1/topics'),
  route('GET', '/v1/topics/{topic}'),
  route('POST', '/v1/topics/{topic}/records'),
  route('POST', '/v1/topics/{topic}/records:batch'),
])

test.each([
  ['GET', '/v1/topics', '/v1/topics', {}],
  ['HEAD', '/v1/topics', '/v1/topics', {}],
  ['GET', '/v1/topics/orders', '/v1/topics/{topic}', { topic: 'orders' }],
  ['GET', '/v1/topics/a%2Fb', '/v1/topics/{topic}', { topic: 'a/b' }],
  ['POST', '/v1/topics/a/records:batch', '/v1/topics/{topic}/records:batch', { topic: 'a' }],
  ['POST', '/v1/topics/records/records', '/v1/topics/{topic}/records', { topic: 'records' }],
])('%s %s', (method, path, found, params) => {
  const match = router.find(method, path)
  expect([match.route.path, match.params]).toEqual([found, params])
})

describe('what is not there', () => {
  test.each([
    ['GET', '/', 404],
    ['GET', '/v1', 404],
    ['GET', '/v1/topics/', 404],
    ['GET', '/v1/topics/a/b', 404],
    ['GET', '/V1/topics', 404],
    ['GET', '/v1/topics/%', 400],
    ['PATCH', '/v1/topics', 405],
    ['GET', '/v1/topics/a/records', 405],
  ])('%s %s', (method, path, status) => {
    expect(() => router.find(method, path)).toThrow(expect.objectContaining({ status }))
  })

  test('says what is allowed', () => {
    expect(router.allowed('/v1/topics')).toBe('GET, POST, HEAD, OPTIONS')
    expect(router.allowed('/nowhere')).toBeUndefined()
  })
})

test('two routes of one place are a mistake', () => {
  expect(() => new Router([route('GET', '/a'), route('GET', '/a')])).toThrow('twice')
  expect(() => new Router([route('GET', '/{a}'), route('PUT', '/{b}')])).toThrow('elsewhere')
})

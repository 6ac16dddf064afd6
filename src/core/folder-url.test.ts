import { expect, test } from 'vitest'
import { ConfigError } from './errors.ts'
import { folderOfUrl } from './folder-url.ts'

test.each([
  ['file:./events', './events'],
  ['file:events', 'events'],
  ['file:/var/events', '/var/events'],
  ['file:./with%20percent', './with%20percent'],
  ['file:./with space', './with space'],
  ['file:///var/events', '/var/events'],
  ['file:///with%20space', '/with space'],
  ['file:///%C3%B6', '/ö'],
  ['file:///100%25', '/100%'],
  ['file:///C:/events', 'C:/events'],
  [new URL('file:///a b').href, '/a b'],
])('%s is %s', (url, folder) => {
  expect(folderOfUrl(url, 'url')).toBe(folder)
})

test.each([
  ['file:', /names no folder/],
  ['file://', /names no folder/],
  ['file://host/events', /another host/],
  ['file:///events?x=1', /query or a fragment/],
  ['file:///events#x', /query or a fragment/],
  ['file:///100%', /percent-encoded/],
  ['file:./a\0b', /names no folder/],
])('%s is refused', (url, message) => {
  expect(() => folderOfUrl(url, 'ClientConfig.url')).toThrow(ConfigError)
  expect(() => folderOfUrl(url, 'ClientConfig.url')).toThrow(message)
})

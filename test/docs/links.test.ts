/** Links within the project lead somewhere: to a file or folder that is there, and to a heading that is in it. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]

/** As the hosts of repositories make them: of headings that give the same anchor, the later ones are numbered. */
function anchorsOf(file: string): Set<string> {
  const text = readFileSync(file, 'utf8').replaceAll(/```.*?```/gs, '')
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const [, heading] of text.matchAll(/^#+ (.*)$/gm)) {
    const anchor = heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-')
    const before = seen.get(anchor) ?? 0
    seen.set(anchor, before + 1)
    anchors.add(before === 0 ? anchor : `${anchor}-${before}`)
  }
  return anchors
}

test.each(pages)('%s', (page) => {
  const text = readFileSync(join(root, page), 'utf8').replaceAll(/```.*?```/gs, '')
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
  const broken = links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [path, anchor] = link.split('#') as [string, string | undefined]
    const file = path === '' ? join(root, page) : join(root, dirname(page), path)
    if (!existsSync(file)) return true
    return anchor !== undefined && !(statSync(file).isFile() && anchorsOf(file).has(anchor))
  })
  expect(broken).toEqual([])
})

test('the API reference has a link of its own to each heading', () => {
  const text = readFileSync(join(root, 'docs/api.md'), 'utf8')
  const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor!)
  const headings = text.replaceAll(/```.*?```/gs, '').match(/^### .*$/gm)!
  expect(new Set(links).size).toBe(headings.length)
})

test('the guide is whole: each page is in its table of contents', () => {
  const contents = readFileSync(join(root, 'docs/guide/README.md'), 'utf8')
  const missing = readdirSync(join(root, 'docs/guide')).filter(
    (page) => page !== 'README.md' && !contents.includes(`(${page})`),
  )
  expect(missing).toEqual([])
})

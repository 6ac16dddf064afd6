/**
 * Writes docs/api.md from the docstrings of what the package exports: `node scripts/generate-api-reference.js`, after a
 * build. With `--check` it writes nothing and fails when the page is out of date, or an export has no docstring.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = join(root, 'docs/api.md')
const entries = [
  ['kafka-do', 'dist/index.d.ts'],
  ['kafka-do/client', 'dist/entry/client-only.d.ts'],
  ['kafka-do/server', 'dist/server/index.d.ts'],
  ['kafka-do/http', 'dist/server/http.d.ts'],
  ['kafka-do/testing', 'dist/testing/index.d.ts'],
  ['kafka-do/opentelemetry', 'dist/opentelemetry/index.d.ts'],
]

/**
 * @typedef {{ name: string, doc: string, code: string, file: string }} Declaration
 */

/** The top-level declarations of a file, overloads together. @param {string} file @returns {Map<string, Declaration>} */
function declarationsOf(file) {
  const text = readFileSync(file, 'utf8')
  const start =
    /^(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?(?:export )?(?:declare )?(?:abstract )?(class|interface|type|function|const) (\w+)/gm
  /** @type {Map<string, Declaration>} */
  const found = new Map()
  for (const match of text.matchAll(start)) {
    const [, doc = '', kind, name] = match
    const rest = text.slice(match.index + doc.length)
    const firstLine = rest.slice(0, rest.indexOf('\n'))
    const hasBody = kind === 'class' || kind === 'interface'
    // An empty body ends with its first line, another with a line of its own.
    const end = hasBody ? /^\}/m : /;$(?!\n[ })\]])/m
    const length = hasBody && firstLine.endsWith('{}') ? firstLine.length : rest.search(end) + 1
    const code = cleaned(
      rest
        .slice(0, length)
        .replace(/^export /, '')
        .replace(/^declare /, ''),
    )
    const known = found.get(/** @type {string} */ (name))
    found.set(/** @type {string} */ (name), {
      name: /** @type {string} */ (name),
      doc: known?.doc || textOf(doc),
      code: known ? `${known.code}\n${code}` : code,
      file,
    })
  }
  return found
}

/** Without what is not for users. @param {string} code */
function cleaned(code) {
  return code
    .replaceAll(/^ {4}#private;\n/gm, '')
    .replaceAll(/^ {4}private .*;\n/gm, '')
    .replaceAll(
      /^ {4}\/\*\*\s(?:(?!\*\/)[\s\S])*(?:@internal|Not for direct use)(?:(?!\*\/)[\s\S])*\*\/\n {4}\S.*\n(?: {5,}.*\n| {4}[})].*\n)*/gm,
      '',
    )
    .replaceAll('    ', '  ')
    .trim()
}

/** A docstring as text. @param {string} doc */
function textOf(doc) {
  return doc
    .replace(/^\/\*\*\s?/, '')
    .replace(/\s*\*\/\s*$/, '')
    .replaceAll(/^\s*\* ?/gm, '')
    .replace(/@example ?\n?([\s\S]*)$/, (_, code) => `\n\`\`\`ts\n${code.trim()}\n\`\`\``)
    .trim()
}

/** What an entry file exports, in its order. @param {string} file @returns {{ name: string, declaration: Declaration }[]} */
function exportsOf(file) {
  const text = readFileSync(file, 'utf8')
  const own = declarationsOf(file)
  /** @type {{ name: string, declaration: Declaration }[]} */
  const found = []
  for (const [name, declaration] of own) {
    if (new RegExp(`^export .*\\b${name}\\b`, 'm').test(text))
      found.push({ name, declaration: withBase(declaration, text) })
  }
  for (const [, list, from] of text.matchAll(/^export (?:type )?\{([^}]*)\} from '(\..*?)';$/gm)) {
    const target = join(dirname(file), /** @type {string} */ (from).replace(/\.ts$/, '.d.ts'))
    const declarations = declarationsOf(target)
    for (const item of /** @type {string} */ (list).split(',')) {
      const [original, name = original] = item
        .trim()
        .replace(/^type /, '')
        .split(' as ')
      if (!original || !name) continue
      const declaration = declarations.get(original)
      if (!declaration) throw new Error(`${relative(root, target)} declares no ${original}`)
      if (found.every((other) => other.name !== name)) found.push({ name, declaration })
    }
  }
  for (const [, from] of text.matchAll(/^export \* from '(\..*?)';$/gm)) {
    const target = join(dirname(file), /** @type {string} */ (from).replace(/\.ts$/, '.d.ts'))
    for (const each of exportsOf(target)) {
      if (found.every(({ name }) => name !== each.name)) found.push(each)
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** With the class or interface that it extends, where that goes by no name of its own. @param {Declaration} declaration @param {string} text @returns {Declaration} */
function withBase(declaration, text) {
  const base = /extends (Base\w+)/.exec(declaration.code)?.[1]
  if (!base) return declaration
  const imported = new RegExp(`import \\{ (?:type )?(\\w+)(?: as ${base})? \\} from '(.*)';`, 'g')
  for (const [, original, from] of text.matchAll(imported)) {
    const file = join(
      dirname(declaration.file),
      /** @type {string} */ (from).replace(/\.ts$/, '.d.ts'),
    )
    if (!existsSync(file)) continue
    const found = declarationsOf(file).get(/** @type {string} */ (original))
    if (found && (original === base || text.includes(`${original} as ${base}`)))
      return { ...declaration, code: `${declaration.code}\n\n${found.code}` }
  }
  return declaration
}

const undocumented = []
const parts = [
  '# API reference',
  'Made by `npm run generate:api` from the docstrings. The [guide](guide/README.md) shows how things go together.',
]
/** Of headings that differ only in case, or come twice, the later ones are numbered by the hosts of repositories. @type {Map<string, number>} */
const headings = new Map()
/** @param {string} heading */
function anchorOf(heading) {
  const anchor = heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')
  const before = headings.get(anchor) ?? 0
  headings.set(anchor, before + 1)
  return before === 0 ? anchor : `${anchor}-${before}`
}

/** Where it was told of already: what two entries export is written down once. @type {Map<string, string>} */
const told = new Map()

anchorOf('API reference')
for (const [entry, file] of entries) {
  const exported = exportsOf(join(root, /** @type {string} */ (file)))
  anchorOf(/** @type {string} */ (entry))
  const links = []
  const fresh = []
  for (const { name, declaration } of exported) {
    const written = `${declaration.file} ${declaration.code}`
    const before = told.get(written)
    const anchor = before ?? anchorOf(name)
    if (before === undefined) {
      told.set(written, anchor)
      fresh.push({ name, declaration })
    }
    links.push(`[${name}](#${anchor})`)
  }
  parts.push(`## ${entry}`, links.join(' · '))
  for (const { name, declaration } of fresh) {
    if (declaration.doc === '') undocumented.push(`${entry}: ${name}`)
    parts.push(`### ${name}`, declaration.doc, `\`\`\`ts\n${declaration.code}\n\`\`\``)
  }
}
const text = `${parts.filter((part) => part !== '').join('\n\n')}\n`

if (undocumented.length > 0) {
  console.error(`without a docstring:\n${undocumented.join('\n')}`)
  process.exitCode = 1
}
if (!process.argv.includes('--check')) writeFileSync(page, text)
else if (!existsSync(page) || readFileSync(page, 'utf8') !== text) {
  console.error('docs/api.md is out of date: npm run build && npm run generate:api')
  process.exitCode = 1
}
